#pragma once

// One Generate call: streams the text of a generation to its caller.
//
// One write is in flight at a time; text that comes meanwhile is coalesced into one message, so a
// slow reader costs a buffer of at most one text and its log-probabilities, and delays nobody. When
// the caller leaves, the generation is stopped.
//
// Lifetime: owns itself, until gRPC calls OnDone. The call is finished only after the engine's
// on_done, so all callbacks come before.
//
// Thread safety: gRPC calls the reactions; the engine's callbacks come from its threads.

#include <grpcpp/support/server_callback.h>

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/engine/generation_stepper.h"
#include "runner_server/service/call_record.h"

namespace chorus::runner {

class GenerateReactor final : public grpc::ServerWriteReactor<runner::v1::GenerateResponse> {
 public:
  // Submits `request` to the engine, or ends the call with its error. `metrics` and `counter` must
  // outlive the call, `engine` the generation.
  GenerateReactor(const absl::StatusOr<GenerationEngine*>& engine,
                  const runner::v1::GenerateRequest& request, absl::Time deadline,
                  RunnerMetrics& metrics, CallCounter& counter);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  enum class Action { kNothing, kWrite, kWriteLast, kFinish };

  absl::Status Submit(GenerationEngine& engine, const runner::v1::GenerateRequest& request,
                      absl::Time deadline);
  void OnDelta(chorus::v1::TextDelta delta);
  void OnEnd(absl::StatusOr<chorus::v1::GenerationEnd> end);

  // What to send now; fills message_. Requires mutex_; Perform requires it not held.
  Action ChooseNext();
  void Perform(Action action);

  CallRecord record_;
  std::string model_version_;
  chorus::v1::Bits bits_ = chorus::v1::BITS_UNSPECIFIED;
  std::stop_source stop_;

  std::mutex mutex_;  // Guards everything below, except message_ in flight.
  chorus::v1::TextDelta unsent_;
  std::optional<absl::StatusOr<chorus::v1::GenerationEnd>> end_;  // Set by the engine.
  bool writing_ = false;  // message_ is in flight, or the call is finished.
  bool broken_ = false;   // A write failed.
  runner::v1::GenerateResponse message_;
};

}  // namespace chorus::runner
