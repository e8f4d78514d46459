#pragma once

// A blocking client of one runner over chorus.runner.v1.
//
// Calls end with CANCELLED soon after a stop; there is no other time limit. Errors are the
// runner's, listed in runner.proto.
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
  // `address` is gRPC's, such as "unix:/tmp/x.sock". The server need not listen yet.
  explicit RunnerSession(const std::string& address);

  // Blocks until the runner has loaded its model; returns its description.
  absl::StatusOr<runner::v1::GetModelInfoResponse> WaitUntilReady(std::stop_token stop);

  // Passes each piece of new text to `on_text`, on this thread; if that returns false the call is
  // cancelled.
  absl::StatusOr<v1::GenerationEnd> Generate(const runner::v1::GenerateRequest& request,
                                             const std::function<bool(std::string_view)>& on_text,
                                             std::stop_token stop);

  absl::StatusOr<runner::v1::ClassifyResponse> Classify(const runner::v1::ClassifyRequest& request,
                                                        std::stop_token stop);

  absl::StatusOr<runner::v1::EmbedResponse> Embed(const runner::v1::EmbedRequest& request,
                                                  std::stop_token stop);

 private:
  std::unique_ptr<runner::v1::RunnerService::Stub> stub_;
};

}  // namespace chorus
