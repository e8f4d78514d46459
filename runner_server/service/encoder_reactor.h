#pragma once

// One Classify or Embed call.
//
// Lifetime: owns itself, until gRPC calls OnDone. The call is finished after the engine's on_done,
// or if it was not submitted.
//
// Thread safety: gRPC calls the reactions; the engine's callback comes from its threads.

#include <grpcpp/support/server_callback.h>

#include <stop_token>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/grpc/status.h"
#include "runner_server/engine/encoder_stepper.h"
#include "runner_server/service/call_record.h"

namespace chorus::runner {

template <typename Stepper>
class EncoderReactor final : public grpc::ServerUnaryReactor {
 public:
  using Request = typename Stepper::Request;
  using Response = typename Stepper::Response;

  // Submits `request` to the engine, or ends the call with its error. `method` as CallRecord's.
  // `response`, `metrics` and `counter` must outlive the call, `engine` the work on it.
  EncoderReactor(std::string_view method, const absl::StatusOr<EngineOf<Stepper>*>& engine,
                 const Request& request, Response& response, absl::Time deadline,
                 RunnerMetrics& metrics, CallCounter& counter)
      : record_(method, metrics, counter), response_(response) {
    const absl::Status status = engine.ok() ? Submit(**engine, request, deadline) : engine.status();
    if (!status.ok()) End(status);
  }

  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

 private:
  absl::Status Submit(EngineOf<Stepper>& engine, const Request& request, absl::Time deadline) {
    return engine.Submit(
        request, deadline, stop_.get_token(),
        {.on_done = [this, version = engine.info().version(),
                     bits = engine.info().bits()](absl::StatusOr<Response> response) {
          if (!response.ok()) return End(response.status());
          response_.Swap(&*response);
          response_.set_model_version(version);
          if constexpr (requires { response_.set_bits(bits); }) response_.set_bits(bits);
          OnEnd();
        }});
  }

  // response_ is filled.
  void OnEnd() {
    int num_truncated = 0;
    for (const auto& result : response_.results()) {
      num_truncated += result.text_tokens() > result.num_tokens() ? 1 : 0;
    }
    record_.metrics().OnTruncated(num_truncated);
    End(absl::OkStatus());
  }

  void End(const absl::Status& status) {
    record_.set_code(status.code());
    Finish(ToGrpcStatus(status));
  }

  CallRecord record_;
  std::stop_source stop_;
  Response& response_;
};

}  // namespace chorus::runner
