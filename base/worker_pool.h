#pragma once

// Threads for work too long for the threads of gRPC and of the HTTP server, which also answer pings
// and probes: building large replies, reading large bodies, and tokenizing.
//
// Memory: after a second without work the pool returns free memory to the system, since glibc keeps
// it while anything above it on the heap is in use.
//
// Thread safety: Run may be called from any thread.
// Guarantees: tasks start in the order of Run, and every task runs.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace chorus {

class WorkerPool {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  // Messages above this size are converted on a pool: that takes some hundred microseconds, and the
  // hand-over is negligible beside it.
  static constexpr size_t kLargeBytes = 64 << 10;

  explicit WorkerPool(int num_threads);

  // Runs the remaining tasks, then joins.
  ~WorkerPool();

  // Runs `task` on one of the threads; never inline.
  void Run(Task task);

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;  // Guarded by mutex_.
  bool closed_ = false;     // Guarded by mutex_.
  std::vector<std::thread> threads_;
};

}  // namespace chorus
