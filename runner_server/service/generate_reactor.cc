#include "runner_server/service/generate_reactor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/generation_params.h"
#include "base/grpc_status.h"
#include "base/utf8.h"

namespace chorus {
namespace {

GenerationRequest ToGenerationRequest(const runner::v1::GenerateRequest& proto) {
  v1::GenerationParams params = DefaultParams();
  Override(proto.params(), params);
  GenerationRequest request = {.text = proto.text(),
                               .sampling = {.do_sample = params.do_sample(),
                                            .repetition_penalty = params.repetition_penalty(),
                                            .temperature = params.temperature(),
                                            .top_k = params.top_k(),
                                            .top_p = params.top_p(),
                                            .min_p = params.min_p(),
                                            .seed = params.seed(),
                                            .branch = proto.branch(),
                                            .sequence = proto.sequence()},
                               .max_length = proto.params().max_length(),
                               .max_new_tokens = params.max_new_tokens(),
                               .stop = {params.stop().begin(), params.stop().end()},
                               .ignore_eos = params.ignore_eos(),
                               .split_special_tokens = params.split_special_tokens(),
                               .underway = proto.underway()};
  if (params.has_logprobs()) request.top_logprobs = params.logprobs();
  if (proto.finish_within_seconds() > 0) {
    request.finish_within = absl::Seconds(proto.finish_within_seconds());
  }
  return request;
}

template <typename Proto>
void FillToken(TokenLogProb& logprob, Proto& proto) {
  proto.set_id(logprob.id);
  proto.set_text(std::move(logprob.text));
  proto.set_logprob(logprob.logprob);
}

void FillLogProb(TokenLogProb logprob, v1::TokenLogprob& proto) {
  FillToken(logprob, proto);
  for (TokenLogProb& top : logprob.top) FillToken(top, *proto.add_top());
}

v1::FinishReason ToProto(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return v1::FINISH_REASON_STOP;
    case FinishReason::kDeadline:
      return v1::FINISH_REASON_DEADLINE;
    case FinishReason::kLength:
      return v1::FINISH_REASON_LENGTH;
    case FinishReason::kStopString:
      return v1::FINISH_REASON_STOP_STRING;
  }
  return v1::FINISH_REASON_UNSPECIFIED;
}

void FillTiming(const GenerationTiming& timing, v1::GenerationTiming& proto) {
  proto.set_queue_seconds(absl::ToDoubleSeconds(timing.queue));
  proto.set_prefill_seconds(absl::ToDoubleSeconds(timing.prefill));
  proto.set_decode_seconds(absl::ToDoubleSeconds(timing.decode));
  proto.set_mean_batch_size(timing.mean_batch_size);
  proto.set_max_batch_size(timing.max_batch_size);
}

void FillFinished(const GenerationResult& result, const std::string& model_version,
                  v1::GenerationEnd& finished) {
  finished.set_reason(ToProto(result.reason));
  finished.set_prompt_tokens(result.num_prompt_tokens);
  finished.set_generated_tokens(result.num_generated_tokens);
  FillTiming(result.timing, *finished.mutable_timing());
  finished.set_model_version(model_version);
}

}  // namespace

GenerateReactor::GenerateReactor(const absl::StatusOr<HostedEngine<GenerationEngine>>& hosted,
                                 const runner::v1::GenerateRequest& request, absl::Time deadline,
                                 RunnerMetrics& metrics, CallCounter& counter)
    : record_("Generate", metrics, counter) {
  const absl::Status status = hosted.ok() ? Submit(*hosted, request, deadline) : hosted.status();
  if (!status.ok()) OnEnd(status);
}

absl::Status GenerateReactor::Submit(const HostedEngine<GenerationEngine>& hosted,
                                     const runner::v1::GenerateRequest& request,
                                     absl::Time deadline) {
  if (const size_t at = FindInvalidUtf8(request.text()); at != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("text is not UTF-8: at byte ", at));
  }
  if (const auto problems = CheckRanges(request.params()); !problems.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(problems[0].field, " ", problems[0].problem));
  }
  model_version_ = hosted.version;
  return hosted.engine->Submit(
      ToGenerationRequest(request), deadline, stop_.get_token(),
      {.on_delta = [this](GenerationDelta delta) { OnDelta(std::move(delta)); },
       .on_done = [this](absl::StatusOr<GenerationResult> end) { OnEnd(std::move(end)); }});
}

void GenerateReactor::OnDelta(GenerationDelta delta) {
  Action action;
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return;
    unsent_.mutable_text()->append(delta.text);
    unsent_.set_num_tokens(unsent_.num_tokens() + delta.num_tokens);
    for (TokenLogProb& logprob : delta.logprobs) {
      FillLogProb(std::move(logprob), *unsent_.add_logprobs());
    }
    action = ChooseNext();
  }
  Perform(action);
}

void GenerateReactor::OnEnd(absl::StatusOr<GenerationResult> end) {
  if (end.ok()) record_.metrics().OnGenerated(end->timing, end->num_generated_tokens);
  Action action;
  {
    const std::lock_guard lock(mutex_);
    end_ = std::move(end);
    action = ChooseNext();
  }
  Perform(action);
}

void GenerateReactor::OnWriteDone(bool ok) {
  if (!ok) stop_.request_stop();
  Action action;
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (!ok) {
      broken_ = true;
      unsent_.Clear();
    }
    action = ChooseNext();
  }
  Perform(action);
}

GenerateReactor::Action GenerateReactor::ChooseNext() {
  if (writing_) return Action::kNothing;
  if (unsent_.num_tokens() > 0) {
    writing_ = true;
    message_.mutable_delta()->Swap(&unsent_);
    unsent_.Clear();
    return Action::kWrite;
  }
  if (!end_.has_value()) return Action::kNothing;
  writing_ = true;
  record_.set_code(broken_ ? absl::StatusCode::kCancelled : end_->status().code());
  if (broken_ || !end_->ok()) return Action::kFinish;
  FillFinished(**end_, model_version_, *message_.mutable_finished());
  return Action::kWriteLast;
}

// Without the lock: gRPC may run the next reaction before these calls return. After the last two
// `this` may be gone.
void GenerateReactor::Perform(Action action) {
  switch (action) {
    case Action::kNothing:
      return;
    case Action::kWrite:
      return StartWrite(&message_);
    case Action::kWriteLast:
      return StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
    case Action::kFinish:
      return Finish(end_->ok() ? grpc::Status::CANCELLED : ToGrpcStatus(end_->status()));
  }
}

void GenerateReactor::OnCancel() { stop_.request_stop(); }

void GenerateReactor::OnDone() { delete this; }

}  // namespace chorus
