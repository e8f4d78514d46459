#pragma once

// Which calls are served, so many at once, and which wait for that.
//
// Thread safety: all methods may be called from any thread.

#include <deque>
#include <mutex>

namespace chorus {

enum class SlotEntry { kServed, kWaits, kRefused };

template <typename Call>
class Slots {
 public:
  // `max_active` 0 is no bound; of the others `max_waiting` wait, and those after them are refused.
  Slots(int max_active, int max_waiting) : max_active_(max_active), max_waiting_(max_waiting) {}

  SlotEntry Enter(Call* call) {
    std::lock_guard lock(mutex_);
    if (max_active_ == 0 || num_active_ < max_active_) {
      ++num_active_;
      return SlotEntry::kServed;
    }
    if (static_cast<int>(waiting_.size()) >= max_waiting_) return SlotEntry::kRefused;
    waiting_.push_back(call);
    return SlotEntry::kWaits;
  }

  // After a call that was served: the one that is to be served in its place, or null.
  Call* Leave() {
    std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --num_active_;
      return nullptr;
    }
    Call* const next = waiting_.front();
    waiting_.pop_front();
    return next;
  }

  // Whether the call was waiting; it then waits no more.
  bool Remove(Call* call) {
    std::lock_guard lock(mutex_);
    return std::erase(waiting_, call) > 0;
  }

 private:
  const int max_active_, max_waiting_;
  std::mutex mutex_;
  int num_active_ = 0;
  std::deque<Call*> waiting_;
};

}  // namespace chorus
