#pragma once

// Fork and join for kernels: a few threads that meet many times a millisecond.
//
// A worker that has run out of work spins for some microseconds, since within a forward pass the
// next piece comes at once, and then sleeps on a futex, so that an idle model costs nothing.
//
// Thread safety: Run is for one thread at a time, the model's owner.

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace chorus {

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

  // Does [0, num_items) and returns when all are done. Each thread has a contiguous share, of which
  // it takes half of what is left at a time, from the front; one that has done its own helps others
  // from the back: a thread that the machine holds up holds nobody up. `work` must not throw.
  void Run(int num_items, Work work);

 private:
  // Items [begin, end) of a job, begin in the upper half: what is left of a thread's share.
  struct alignas(64) Share {
    std::atomic<uint64_t> range = 0;
  };

  void WorkerMain(int thread);
  void DoItems(int thread);

  // The job; written by Run before it raises generation_, read by workers after they see that.
  const Work* work_ = nullptr;
  bool stopping_ = false;

  alignas(64) std::atomic<uint32_t> generation_ = 0;   // Raised by one for each job.
  alignas(64) std::atomic<uint32_t> num_working_ = 0;  // Workers not done with the job.
  std::vector<Share> shares_;                          // By thread.
  std::vector<std::thread> workers_;
};

}  // namespace chorus
