#pragma once

// One Classify call.
//
// Lifetime: owns itself, until gRPC calls OnDone. The call is finished after the engine's on_done,
// or if it was not submitted.
//
// Thread safety: gRPC calls the reactions; the engine's callback comes from its threads.

#include <grpcpp/support/server_callback.h>

#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/engine/classification_stepper.h"
#include "runner_server/service/call_record.h"

namespace chorus::runner {

class ClassifyReactor final : public grpc::ServerUnaryReactor {
 public:
  // Submits `request` to the engine, or ends the call with its error. `response`, `metrics` and
  // `counter` must outlive the call, `engine` the classification.
  ClassifyReactor(const absl::StatusOr<ClassificationEngine*>& engine,
                  const runner::v1::ClassifyRequest& request,
                  runner::v1::ClassifyResponse& response, absl::Time deadline,
                  RunnerMetrics& metrics, CallCounter& counter);

  void OnCancel() override;
  void OnDone() override;

 private:
  absl::Status Submit(ClassificationEngine& engine, const runner::v1::ClassifyRequest& request,
                      absl::Time deadline);
  void OnEnd();  // response_ is filled.
  void End(const absl::Status& status);

  CallRecord record_;
  std::stop_source stop_;
  runner::v1::ClassifyResponse& response_;
};

}  // namespace chorus::runner
