#include "base/worker_pool.h"

#include <malloc.h>

#include <chrono>
#include <utility>

namespace chorus {
namespace {

// Long enough for a reply to have left, so that its memory is free.
constexpr std::chrono::seconds kIdleBeforeTrim(1);

}  // namespace

WorkerPool::WorkerPool(int num_threads) {
  for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::Run(Task task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  changed_.notify_one();
}

void WorkerPool::Work() {
  const auto ready = [this] { return !tasks_.empty() || closed_; };
  bool has_worked = false;
  std::unique_lock lock(mutex_);
  while (true) {
    if (has_worked && !changed_.wait_for(lock, kIdleBeforeTrim, ready)) {
      has_worked = false;
      lock.unlock();
      malloc_trim(0);
      lock.lock();
    }
    changed_.wait(lock, ready);
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    std::move(task)();
    task = nullptr;  // What it holds may be large, and its destruction call in here.
    has_worked = true;
    lock.lock();
  }
}

}  // namespace chorus
