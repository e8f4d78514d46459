#include "runner_server/kernels/thread_pool.h"

#include <utility>

namespace chorus::runner {
namespace {

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

ThreadPool::ThreadPool(int num_threads)
    : num_active_(num_threads), num_jobs_(num_threads), shares_(num_threads) {
  for (int thread = 1; thread < num_threads; ++thread) {
    workers_.emplace_back([this, thread] { WorkerMain(thread); });
  }
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  for (FutexWord& num_jobs : num_jobs_) num_jobs.Increment();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Run(int num_items, Work work) {
  if (num_items <= 0) return;
  if (num_active_ == 1 || num_items == 1) {
    work(0, 0, num_items);
    return;
  }
  work_ = &work;
  for (int64_t thread = 0; thread < num_active_; ++thread) {
    shares_[thread].range.store(Pack(static_cast<uint32_t>(num_items * thread / num_active_),
                                     static_cast<uint32_t>(num_items * (thread + 1) / num_active_)),
                                std::memory_order_relaxed);
  }
  num_inside_.Reset(1);
  for (int thread = 1; thread < num_active_; ++thread) num_jobs_[thread].Increment();
  DoItems(0);
  num_inside_.Decrement();
  num_inside_.WaitUntilZero();
}

void ThreadPool::WorkerMain(int thread) {
  uint32_t num_seen = 0;
  while (true) {
    num_seen = num_jobs_[thread].WaitWhileEqual(num_seen);
    if (stopping_) return;
    // It may be too late for the job, or be let into one that it was not told of.
    if (!num_inside_.IncrementUnlessZero()) continue;
    if (thread < num_active_) DoItems(thread);
    num_inside_.Decrement();
  }
}

void ThreadPool::DoItems(int thread) {
  for (int i = 0; i < num_active_; ++i) {
    std::atomic<uint64_t>& range = shares_[(thread + i) % num_active_].range;
    while (true) {
      const auto [begin, end] = Take(range, /*front=*/i == 0);
      if (begin == end) break;
      (*work_)(thread, static_cast<int>(begin), static_cast<int>(end));
    }
  }
}

}  // namespace chorus::runner
