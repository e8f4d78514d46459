#include "runner_server/service/generate_reactor.h"

#include <utility>

#include "base/grpc/status.h"

namespace chorus::runner {

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
  model_version_ = engine.info().version();
  bits_ = engine.info().bits();
  return engine.Submit(
      request, deadline, stop_.get_token(),
      {.on_delta = [this](chorus::v1::TextDelta delta) { OnDelta(std::move(delta)); },
       .on_done =
           [this](absl::StatusOr<chorus::v1::GenerationEnd> end) { OnEnd(std::move(end)); }});
}

void GenerateReactor::OnDelta(chorus::v1::TextDelta delta) {
  Action action;
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return;
    unsent_.mutable_text()->append(delta.text());
    unsent_.set_num_tokens(unsent_.num_tokens() + delta.num_tokens());
    for (chorus::v1::TokenLogprob& logprob : *delta.mutable_logprobs()) {
      *unsent_.add_logprobs() = std::move(logprob);
    }
    for (chorus::v1::TokenLogprob& logprob : *delta.mutable_prompt_logprobs()) {
      *unsent_.add_prompt_logprobs() = std::move(logprob);
    }
    action = ChooseNext();
  }
  Perform(action);
}

void GenerateReactor::OnEnd(absl::StatusOr<chorus::v1::GenerationEnd> end) {
  if (end.ok()) {
    record_.metrics().OnGenerated(*end);
    end->set_model_version(model_version_);
    end->set_bits(bits_);
  }
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
  if (unsent_.num_tokens() > 0 || !unsent_.prompt_logprobs().empty()) {
    writing_ = true;
    message_.mutable_delta()->Swap(&unsent_);
    unsent_.Clear();
    return Action::kWrite;
  }
  if (!end_.has_value()) return Action::kNothing;
  writing_ = true;
  record_.set_code(broken_ ? absl::StatusCode::kCancelled : end_->status().code());
  if (broken_ || !end_->ok()) return Action::kFinish;
  message_.mutable_finished()->Swap(&**end_);
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

}  // namespace chorus::runner
