#include "api_server/runners/generate_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace chorus::gateway {
namespace {

// INTERNAL, for a violation of the protocol.
absl::Status CheckEnd(const v1::GenerationEnd& end) {
  if (end.reason() != v1::FINISH_REASON_UNSPECIFIED && v1::FinishReason_IsValid(end.reason())) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("the runner ended a text for a reason unknown here: ", end.reason()));
}

}  // namespace

GenerateCall::GenerateCall(runner::v1::GenerateRequest request, RunnerClient::OnText on_text,
                           RunnerClient::OnRestart on_restart,
                           RunnerClient::Done<v1::GenerationEnd> done, Options options)
    : RunnerCall(std::move(options)),
      request_(std::move(request)),
      finish_at_(request_.finish_within_seconds() == 0
                     ? absl::InfiniteFuture()
                     : absl::Now() + absl::Seconds(request_.finish_within_seconds())),
      on_text_(std::move(on_text)),
      on_restart_(std::move(on_restart)),
      done_(std::move(done)) {}

void GenerateCall::Start() {
  if (finish_at_ != absl::InfiniteFuture()) {
    // The runner then says that there is no time for a token.
    const absl::Duration left = std::max(finish_at_ - absl::Now(), absl::Milliseconds(1));
    request_.set_finish_within_seconds(absl::ToDoubleSeconds(left));
  }
  stub().async()->Generate(&context(), &request_, this);
  StartRead(&response_);
  StartCall();
}

void GenerateCall::OnReadDone(bool ok) {
  if (!ok) return;
  if (absl::Status status = Take(response_); !status.ok()) {
    violation_ = std::move(status);
    context().TryCancel();
    return;
  }
  StartRead(&response_);
}

absl::Status GenerateCall::Take(runner::v1::GenerateResponse& response) {
  if (end_.has_value()) return absl::InternalError("the runner wrote on after `finished`");
  if (response.has_delta()) {
    has_text_ = true;
    Spend(response.delta().num_tokens());
    on_text_(std::move(*response.mutable_delta()));
    return absl::OkStatus();
  }
  if (!response.has_finished()) return absl::InternalError("the runner wrote an empty message");
  end_ = std::move(*response.mutable_finished());
  return CheckEnd(*end_);
}

void GenerateCall::OnDone(const grpc::Status& grpc_status) {
  const absl::Status outcome = Outcome(grpc_status);
  absl::Status status = violation_.ok() ? outcome : violation_;
  if (status.ok() && !end_.has_value()) {
    status = absl::InternalError("the runner's stream ended without `finished`");
  }
  if ((!has_text_ || on_restart_ != nullptr) && TryElsewhere(status)) return StartAgain();
  if (status.ok()) {
    std::move(done_)(*std::move(end_));
  } else {
    std::move(done_)(std::move(status));
  }
  delete this;
}

void GenerateCall::StartAgain() {
  if (std::exchange(has_text_, false)) on_restart_();
  end_.reset();
  Start();
}

}  // namespace chorus::gateway
