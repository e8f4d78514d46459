#include "runner_server/kernels/thread_pool.h"

#include <chrono>
#include <utility>

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

constexpr uint64_t Pack(uint32_t begin, uint32_t end) { return uint64_t{begin} << 32 | end; }

// Takes half of what is left of a range, at least one item: its front, or its back. Nothing left:
// gives an empty range.
std::pair<uint32_t, uint32_t> Take(std::atomic<uint64_t>& range, bool front) {
  uint64_t seen = range.load(std::memory_order_relaxed);
  while (true) {
    const uint32_t begin = static_cast<uint32_t>(seen >> 32), end = static_cast<uint32_t>(seen);
    if (begin >= end) return {0, 0};
    const uint32_t count = (end - begin + 1) / 2;
    const uint64_t left = front ? Pack(begin + count, end) : Pack(begin, end - count);
    // Relaxed: what the items read and write is ordered by the job's start and end.
    if (range.compare_exchange_weak(seen, left, std::memory_order_relaxed)) {
      return front ? std::pair(begin, begin + count) : std::pair(end - count, end);
    }
  }
}

}  // namespace

ThreadPool::ThreadPool(int num_threads) : shares_(num_threads) {
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
  for (int64_t thread = 0; thread < num_threads(); ++thread) {
    shares_[thread].range.store(
        Pack(static_cast<uint32_t>(num_items * thread / num_threads()),
             static_cast<uint32_t>(num_items * (thread + 1) / num_threads())),
        std::memory_order_relaxed);
  }
  num_working_.store(static_cast<uint32_t>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  DoItems(0);
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
    DoItems(thread);
    if (num_working_.fetch_sub(1, std::memory_order_acq_rel) == 1) num_working_.notify_one();
  }
}

void ThreadPool::DoItems(int thread) {
  for (int i = 0; i < num_threads(); ++i) {
    std::atomic<uint64_t>& range = shares_[(thread + i) % num_threads()].range;
    while (true) {
      const auto [begin, end] = Take(range, /*front=*/i == 0);
      if (begin == end) break;
      (*work_)(thread, static_cast<int>(begin), static_cast<int>(end));
    }
  }
}

}  // namespace chorus
