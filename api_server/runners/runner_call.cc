#include "api_server/runners/runner_call.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/grpc/status.h"

namespace chorus::gateway {
namespace {

constexpr int kMaxAttempts = 2;  // Bounds the runners that a bad prompt can kill.

// Whether gRPC, here or in the runner, has refused a message for its size. It uses the code of a
// full queue, but a retry never helps.
bool IsTooLarge(const absl::Status& status) {
  return absl::IsResourceExhausted(status) &&
         absl::StrContains(status.message(), "message larger than max");
}

}  // namespace

RunnerCall::RunnerCall(Options options) : options_(std::move(options)) { Prepare(); }

absl::Status RunnerCall::Outcome(const grpc::Status& grpc_status) {
  absl::Status status = FromGrpcStatus(grpc_status);
  if (absl::IsCancelled(status) && !options_.context.stop.stop_requested() &&
      !options_.shutdown.stop_requested()) {
    // Not requested here: a runner that stops cancels its calls.
    status = absl::UnavailableError("the runner has cancelled the call");
  }
  if (IsTooLarge(status)) {
    status = absl::InvalidArgumentError(
        absl::StrCat("request or reply are larger than what gateway and runner exchange; ask for "
                     "less at once: ",
                     status.message()));
  }
  if (absl::IsResourceExhausted(status)) {
    options_.lease.OnExhausted(absl::Now());
  } else {
    options_.lease.OnBegun();  // Whoever hears of the end may call again at once.
  }
  options_.replicas.Report(*options_.lease.get(), status);
  return status;
}

bool RunnerCall::TryElsewhere(const absl::Status& status) {
  if (!absl::IsUnavailable(status) || num_attempts_ == kMaxAttempts ||
      options_.context.stop.stop_requested() || options_.shutdown.stop_requested()) {
    return false;
  }
  absl::StatusOr<Endpoint::Lease> lease =
      options_.replicas.Choose(options_.work, options_.lease.get());
  if (!lease.ok() || !options_.replicas.TakeRetry()) return false;
  options_.lease = *std::move(lease);
  Prepare();
  return true;
}

void RunnerCall::Prepare() {
  ++num_attempts_;
  on_caller_.reset();
  on_shutdown_.reset();
  context_.emplace();
  const CallContext& call = options_.context;
  if (call.deadline != absl::InfiniteFuture()) {
    context_->set_deadline(absl::ToChronoTime(call.deadline));
  }
  if (!call.request_id.empty()) context_->AddMetadata("x-request-id", call.request_id);
  if (!call.traceparent.empty()) context_->AddMetadata("traceparent", call.traceparent);
  // A cancellation before the call has started takes effect when it does.
  on_caller_.emplace(call.stop, Cancel{&*context_});
  on_shutdown_.emplace(options_.shutdown, Cancel{&*context_});
}

}  // namespace chorus::gateway
