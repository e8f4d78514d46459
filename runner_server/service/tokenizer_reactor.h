#pragma once

// One Tokenize or Detokenize call.
//
// Lifetime: owns itself, until gRPC calls OnDone, after the tokenizer thread has run it.
//
// Thread safety: gRPC calls the reactions; `answer` runs on the tokenizer thread.

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/worker_pool.h"
#include "runner_server/service/call_record.h"

namespace chorus::runner {

class TokenizerReactor final : public grpc::ServerUnaryReactor {
 public:
  // Fills the response, or returns the error.
  using Answer = absl::AnyInvocable<absl::Status() &&>;

  // Runs `answer` on `thread` and ends the call with its result; not run if the caller has left.
  // `method` is as CallRecord's; `metrics` and `counter` must outlive the call.
  TokenizerReactor(std::string_view method, Answer answer, WorkerPool& thread,
                   RunnerMetrics& metrics, CallCounter& counter);

  void OnCancel() override { cancelled_.store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

 private:
  void End(const absl::Status& status);

  CallRecord record_;
  Answer answer_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace chorus::runner
