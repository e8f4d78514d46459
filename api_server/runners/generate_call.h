#pragma once

// A Generate call: the runner's stream, checked against the protocol. As RunnerCall.

#include <grpcpp/support/client_callback.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api_server/graph/runner_client.h"
#include "api_server/runners/runner_call.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "proto/chorus/v1/generation.pb.h"

namespace chorus::gateway {

class GenerateCall final : private RunnerCall,
                           private grpc::ClientReadReactor<runner::v1::GenerateResponse> {
 public:
  // `on_text`, `on_restart` and `done` as of RunnerClient::Generate.
  GenerateCall(runner::v1::GenerateRequest request, RunnerClient::OnText on_text,
               RunnerClient::OnRestart on_restart, RunnerClient::Done<v1::GenerationEnd> done,
               Options options);

  void Start();

 private:
  void OnReadDone(bool ok) override;
  // Errors are the runner's faults against the protocol.
  absl::Status Take(runner::v1::GenerateResponse& response);
  void OnDone(const grpc::Status& grpc_status) override;
  void StartAgain();

  runner::v1::GenerateRequest request_;
  const absl::Time finish_at_;
  runner::v1::GenerateResponse response_;
  RunnerClient::OnText on_text_;
  RunnerClient::OnRestart on_restart_;
  RunnerClient::Done<v1::GenerationEnd> done_;
  bool has_text_ = false;
  std::optional<v1::GenerationEnd> end_;
  absl::Status violation_;
};

}  // namespace chorus::gateway
