#pragma once

// Threads for work that takes longer than the threads of gRPC and of the HTTP server can be away
// from the connections they keep alive: making messages and JSON of large replies, and tokenizing.
//
// Memory: what a large reply needed is given back to the system when the pool has been idle for a
// second. By itself glibc keeps freed memory for as long as anything above it is in use.
//
// Thread safety: Run may be called at once from any thread.
// Guarantees: tasks begin in the order of Run, with one thread one after another; none is lost.

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

  // Turning a reply of more than this into another form is work for a pool: some hundred
  // microseconds, beside which handing it over costs nothing.
  static constexpr size_t kLargeBytes = 64 << 10;

  explicit WorkerPool(int num_threads);

  // Runs what is left.
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
