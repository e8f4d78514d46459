#pragma once

// Bounds retries, so that they do not multiply the load of a failing system: a fifth of the calls
// of the last ten seconds, plus a hundred, since a dying replica loses all its calls at once.
//
// Thread safety: all methods may be called from any thread.

#include <array>
#include <cstdint>
#include <mutex>

#include "absl/time/time.h"

namespace chorus::gateway {

class RetryBudget {
 public:
  static constexpr absl::Duration kWindow = absl::Seconds(10);
  static constexpr double kRatio = 0.2;
  static constexpr int64_t kFloor = 100;

  // A call has begun.
  void OnCall(absl::Time now) {
    std::lock_guard lock(mutex_);
    ++SlotOf(now).calls;
  }

  // Whether a call may be retried; if so, it counts.
  bool TakeRetry(absl::Time now) {
    std::lock_guard lock(mutex_);
    Slot& slot = SlotOf(now);
    int64_t calls = 0, retries = 0;
    for (const Slot& each : slots_) {
      if (each.number <= slot.number - kNumSlots) continue;
      calls += each.calls;
      retries += each.retries;
    }
    if (static_cast<double>(retries) >= kFloor + kRatio * static_cast<double>(calls)) return false;
    ++slot.retries;
    return true;
  }

 private:
  static constexpr int kNumSlots = 10;
  // One second or so.
  struct Slot {
    int64_t number = INT64_MIN;  // Since the epoch.
    int64_t calls = 0;
    int64_t retries = 0;
  };

  Slot& SlotOf(absl::Time now) {
    const int64_t number = (now - absl::UnixEpoch()) / (kWindow / kNumSlots);
    Slot& slot = slots_[static_cast<size_t>(number) % kNumSlots];
    if (slot.number != number) slot = {.number = number};
    return slot;
  }

  std::mutex mutex_;
  std::array<Slot, kNumSlots> slots_;  // Guarded by mutex_.
};

}  // namespace chorus::gateway
