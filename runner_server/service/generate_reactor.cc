#include "runner_server/service/generate_reactor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/grpc_status.h"
#include "base/utf8.h"

namespace chorus {
namespace {

SamplingParams ToSamplingParams(const runner::v1::SamplingParams& proto) {
  return {.do_sample = proto.do_sample(),
          .temperature = proto.temperature(),
          .top_k = proto.top_k(),
          .top_p = proto.top_p(),
          .seed = proto.seed(),
          .branch = proto.branch()};
}

void FillFinished(const GenerationResult& result, runner::v1::Finished& finished) {
  finished.set_reason(result.reason == FinishReason::kStop ? runner::v1::FINISH_REASON_STOP
                                                           : runner::v1::FINISH_REASON_LENGTH);
  finished.set_prompt_tokens(result.num_prompt_tokens);
  finished.set_generated_tokens(result.num_generated_tokens);
}

}  // namespace

GenerateReactor::GenerateReactor(const absl::StatusOr<GenerationEngine*>& engine,
                                 const runner::v1::GenerateRequest& request, absl::Time deadline,
                                 RunnerMetrics& metrics, CallCounter& counter)
    : record_("Generate", metrics, counter) {
  const absl::Status status = engine.ok() ? Submit(**engine, request, deadline) : engine.status();
  if (!status.ok()) OnEnd(status);
}

absl::Status GenerateReactor::Submit(GenerationEngine& engine,
                                     const runner::v1::GenerateRequest& request,
                                     absl::Time deadline) {
  if (const size_t at = FindInvalidUtf8(request.text()); at != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("text is not UTF-8: at byte ", at));
  }
  return engine.Submit(
      {.text = request.text(),
       .sampling = ToSamplingParams(request.sampling()),
       .max_length = request.max_length(),
       .max_new_tokens = request.max_new_tokens()},
      deadline, stop_.get_token(),
      {.on_delta = [this](GenerationDelta delta) { OnDelta(std::move(delta)); },
       .on_done = [this](absl::StatusOr<GenerationResult> end) { OnEnd(std::move(end)); }});
}

void GenerateReactor::OnDelta(GenerationDelta delta) {
  Action action;
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return;
    text_ += delta.text;
    num_tokens_ += delta.num_tokens;
    action = ChooseNext();
  }
  Perform(action);
}

void GenerateReactor::OnEnd(absl::StatusOr<GenerationResult> end) {
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
      text_.clear();
    }
    action = ChooseNext();
  }
  Perform(action);
}

GenerateReactor::Action GenerateReactor::ChooseNext() {
  if (writing_) return Action::kNothing;
  if (!text_.empty()) {
    writing_ = true;
    runner::v1::TextDelta& delta = *message_.mutable_delta();
    delta.set_text(std::exchange(text_, {}));
    delta.set_num_tokens(std::exchange(num_tokens_, 0));
    return Action::kWrite;
  }
  if (!end_.has_value()) return Action::kNothing;
  writing_ = true;
  record_.set_code(broken_ ? absl::StatusCode::kCancelled : end_->status().code());
  if (broken_ || !end_->ok()) return Action::kFinish;
  FillFinished(**end_, *message_.mutable_finished());
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
