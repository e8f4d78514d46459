#pragma once

// A conversation with one runner over chorus.runner.v1, in blocking calls.
//
// Every call ends soon after a stop is requested, with CANCELLED; none has another time limit.
// Errors are the runner's, as runner.proto lists them.
//
// Thread safety: calls from one thread; the stop from any.

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"

namespace chorus {

class RunnerSession {
 public:
  // `address` as gRPC takes it, such as "unix:/tmp/x.sock". Nothing need listen there yet.
  explicit RunnerSession(const std::string& address);

  // Waits until the runner has loaded its model, and says which.
  absl::StatusOr<runner::v1::GetModelInfoResponse> WaitUntilReady(std::stop_token stop);

  // Hands each piece of new text to `on_text`, on this thread; when that returns false the call is
  // cancelled.
  absl::StatusOr<v1::GenerationEnd> Generate(
      const runner::v1::GenerateRequest& request,
      const std::function<bool(std::string_view)>& on_text, std::stop_token stop);

  absl::StatusOr<runner::v1::ClassifyResponse> Classify(const runner::v1::ClassifyRequest& request,
                                                        std::stop_token stop);

 private:
  std::unique_ptr<runner::v1::RunnerService::Stub> stub_;
};

}  // namespace chorus
