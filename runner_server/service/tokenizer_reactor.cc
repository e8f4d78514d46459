#include "runner_server/service/tokenizer_reactor.h"

#include <utility>

#include "base/grpc/status.h"

namespace chorus::runner {

TokenizerReactor::TokenizerReactor(std::string_view method, Answer answer, WorkerPool& thread,
                                   RunnerMetrics& metrics, CallCounter& counter)
    : record_(method, metrics, counter), answer_(std::move(answer)) {
  thread.Run([this] {
    if (cancelled_.load(std::memory_order_relaxed)) {
      return End(absl::CancelledError("the caller cancelled the call"));
    }
    End(std::move(answer_)());
  });
}

void TokenizerReactor::End(const absl::Status& status) {
  record_.set_code(status.code());
  Finish(ToGrpcStatus(status));
}

}  // namespace chorus::runner
