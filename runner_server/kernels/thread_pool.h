#pragma once

// Fork and join for kernels: a few threads that meet many times a millisecond.
//
// A worker that has run out of work spins for some microseconds, since within a forward pass the
// next piece comes at once, and then sleeps on a futex, so that an idle model costs nothing. Nor
// does a thread that is not to take part: each has a futex of its own.
// Nor does Run wait for a thread that the machine has not let begin: the others do its work.
//
// Thread safety: all methods are for one thread at a time, the model's owner.

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

  // How many of them, the calling one included, the next Runs use; all at first. In [1,
  // num_threads()]. The others sleep on.
  void set_num_active_threads(int num_threads) { num_active_ = num_threads; }

  // Does [0, num_items) and returns when all are done. Each active thread has a contiguous share,
  // of which it takes half of what is left at a time, from the front; one that has done its own
  // helps others from the back: a thread that the machine holds up holds nobody up, but by
  // the items it is at. `work` must not throw.
  void Run(int num_items, Work work);

 private:
  // Items [begin, end) of a job, begin in the upper half: what is left of a thread's share.
  struct alignas(64) Share {
    std::atomic<uint64_t> range = 0;
  };

  void WorkerMain(int thread);
  void DoItems(int thread);

  // Written between jobs, read by workers inside one.
  int num_active_;
  const Work* work_ = nullptr;

  std::atomic<bool> stopping_ = false;
  std::vector<FutexWord> num_jobs_;  // By thread: how many it was to take part in, or to stop.
  FutexWord num_inside_;             // Threads inside the job; zero: it is over, none may enter.
  std::vector<Share> shares_;        // By thread.
  std::vector<std::thread> workers_;
};

}  // namespace chorus::runner
