#include "runner_server/kernels/thread_pool.h"

#include <chrono>

namespace chorus {
namespace {

// Long enough to bridge the serial stretches of a forward pass, short against a scheduler's slice.
constexpr std::chrono::microseconds kSpinTime{20};

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Returns once `value` is no longer `old`: at once, after a short spin, or after a sleep.
void WaitWhileEqual(const std::atomic<uint32_t>& value, uint32_t old) {
  const auto spin_end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < 32; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < spin_end);
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int num_threads) {
  for (int thread = 1; thread < num_threads; ++thread) {
    workers_.emplace_back([this, thread] { WorkerMain(thread); });
  }
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Run(int num_items, Work work) {
  if (num_items <= 0) return;
  if (workers_.empty() || num_items == 1) {
    work(0, 0, num_items);
    return;
  }
  work_ = &work;
  num_items_ = num_items;
  num_working_.store(static_cast<uint32_t>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  DoShare(0);
  while (const uint32_t left = num_working_.load(std::memory_order_acquire)) {
    WaitWhileEqual(num_working_, left);
  }
}

void ThreadPool::WorkerMain(int thread) {
  uint32_t seen = 0;
  while (true) {
    WaitWhileEqual(generation_, seen);
    ++seen;  // Run waits for every worker, so no job is ever missed.
    if (stopping_) return;
    DoShare(thread);
    if (num_working_.fetch_sub(1, std::memory_order_acq_rel) == 1) num_working_.notify_one();
  }
}

void ThreadPool::DoShare(int thread) {
  const int64_t items = num_items_;
  const int begin = static_cast<int>(items * thread / num_threads());
  const int end = static_cast<int>(items * (thread + 1) / num_threads());
  if (begin < end) (*work_)(thread, begin, end);
}

}  // namespace chorus
