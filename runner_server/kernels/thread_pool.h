#pragma once

// Fork and join for kernels: a few threads that synchronise many times a millisecond.
//
// A worker without work spins for some microseconds, since within a forward pass the next job comes
// at once, then sleeps on a futex of its own, so that idle models and inactive threads cost
// nothing. Run does not wait for a thread that is not scheduled: the others do its work.
//
// Thread safety: all methods by one thread at a time, the pool's owner.

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "runner_server/kernels/futex_word.h"

namespace chorus::runner {

class ThreadPool {
 public:
  // Does the items [begin, end); called several times a job. `thread` is in [0, num_threads()); no
  // two calls share one at a time.
  using Work = absl::FunctionRef<void(int thread, int begin, int end)>;

  // `num_threads` counts the thread that calls Run; with 1 no thread is started. Must be >= 1.
  explicit ThreadPool(int num_threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Number of threads, the calling one included, that Run uses; initially all. In [1,
  // num_threads()].
  void set_num_active_threads(int num_threads) { num_active_ = num_threads; }

  // Does [0, num_items) and returns when all are done. Each active thread has a contiguous share,
  // of which it takes half of the rest at a time from the front; a thread that has finished its own
  // steals from the back of others. `work` must not throw.
  void Run(int num_items, Work work);

 private:
  // The rest of a thread's share, items [begin, end); begin in the upper half.
  struct alignas(64) Share {
    std::atomic<uint64_t> range = 0;
  };

  void WorkerMain(int thread);
  void DoItems(int thread);

  // Written between jobs, read by workers inside one.
  int num_active_;
  const Work* work_ = nullptr;

  std::atomic<bool> stopping_ = false;
  std::vector<FutexWord> num_jobs_;  // By thread: jobs it takes part in, and the stop.
  FutexWord num_inside_;       // Threads inside the job; at zero it is over and none may enter.
  std::vector<Share> shares_;  // By thread.
  std::vector<std::thread> workers_;
};

}  // namespace chorus::runner
