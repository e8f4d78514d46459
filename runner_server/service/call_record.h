#pragma once

// Records begin and end of calls, for metrics and for the drain.
//
// Thread safety: CallCounter's methods may be called at once from any thread; a CallRecord by one
// thread at a time.

#include <condition_variable>
#include <mutex>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runner_server/metrics/runner_metrics.h"

namespace chorus::runner {

// Counts the calls in progress.
class CallCounter {
 public:
  void Begin() {
    const std::lock_guard lock(mutex_);
    ++num_calls_;
  }
  void End() {
    const std::lock_guard lock(mutex_);
    if (--num_calls_ == 0) idle_.notify_all();
  }
  // Blocks until there is none. False if `timeout` passed first.
  bool WaitIdle(absl::Duration timeout) {
    std::unique_lock lock(mutex_);
    return idle_.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                          [this] { return num_calls_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  int num_calls_ = 0;  // Guarded by mutex_.
};

// Lives as long as the call.
class CallRecord {
 public:
  // `metrics` and `counter` must outlive this.
  CallRecord(std::string_view method, RunnerMetrics& metrics, CallCounter& counter)
      : metrics_(metrics),
        counter_(counter),
        began_at_(absl::Now()),
        labels_(metrics.OnCallBegin(method)) {
    counter_.Begin();
  }
  ~CallRecord() {
    metrics_.OnCallEnd(labels_, code_, absl::Now() - began_at_);
    counter_.End();
  }
  CallRecord(const CallRecord&) = delete;
  CallRecord& operator=(const CallRecord&) = delete;

  RunnerMetrics& metrics() { return metrics_; }
  void set_code(absl::StatusCode code) { code_ = code; }

 private:
  RunnerMetrics& metrics_;
  CallCounter& counter_;
  const absl::Time began_at_;
  const prometheus::Labels labels_;                       // Of its metrics.
  absl::StatusCode code_ = absl::StatusCode::kCancelled;  // Unless set.
};

}  // namespace chorus::runner
