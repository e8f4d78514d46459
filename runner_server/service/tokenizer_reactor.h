#pragma once

// One Tokenize or Detokenize call.
//
// Lifetime: owns itself. gRPC calls OnDone when all is over, which is after the tokenizer thread
// has had its turn.
//
// Thread safety: the reactions are gRPC's to call.

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
  // Fills the response, or says what is wrong with the request.
  using Answer = absl::AnyInvocable<absl::Status() &&>;

  // Ends the call with what `answer` returns on `thread`; the caller having left meanwhile, without
  // asking it. `method` is as CallRecord's, and `metrics` and `counter` must outlive the call.
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
