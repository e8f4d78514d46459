#pragma once

// A queue from any thread to one owner thread, which sleeps while it is empty.
//
// Thread safety: all methods may be called from any thread.
// Guarantees: items are taken once, in the order they were pushed; closing loses none.
//
//   while (std::optional<Job> job = mailbox.Take()) Run(*std::move(job));  // Until Close().

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace chorus::runner {

template <typename T>
class Mailbox {
 public:
  // False, and `item` is unchanged, once the mailbox is closed. Unbounded: callers hold a
  // QueueBudget ticket.
  bool TryPush(T& item) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    not_empty_.notify_one();  // Under the lock: the taker of the last item may destroy the mailbox.
    return true;
  }

  // Refuses further pushes; remaining items can be taken.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    not_empty_.notify_all();
  }

  // The oldest item; blocks while there is none. Nothing once closed and empty.
  std::optional<T> Take() {
    std::unique_lock lock(mutex_);
    not_empty_.wait(lock, [this] { return !items_.empty() || closed_; });
    if (items_.empty()) return std::nullopt;
    std::optional<T> item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

  // All items. With `wait`, blocks for at least one, unless closed and empty.
  std::deque<T> TakeAll(bool wait) {
    std::unique_lock lock(mutex_);
    if (wait) not_empty_.wait(lock, [this] { return !items_.empty() || closed_; });
    return std::exchange(items_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable not_empty_;  // Or closed.
  std::deque<T> items_;                // Guarded by mutex_.
  bool closed_ = false;                // Guarded by mutex_.
};

}  // namespace chorus::runner
