#pragma once

// Lets the runners of one machine share its cores without a word: each says in a file that all have
// mapped until when it will be busy, and sees there who else is.
//
// The file has kSlotBytes for each runner, zero at first; whoever starts the runners makes it.
// Nothing blocks and nobody has to give anything back: a runner that ends, however it ends, is soon
// no longer busy.
//
// Thread safety: none; the engine thread owns it. Any number of processes may share the file.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "absl/status/statusor.h"

namespace chorus::runner {

// The threads of a runner while `num_busy` runners compute, itself included: the cores are dealt
// out in turn, by `rank` among the busy ones (in [0, num_busy)). Who would get none gets one all
// the same.
//
// Example: 8 cores, 3 busy -> 3, 3, 2. 2 cores, 4 busy -> 1, 1, 1, 1. One alone -> all.
constexpr int CoreShare(int num_cores, int num_busy, int rank) {
  const int rest = rank < num_cores % num_busy ? 1 : 0;
  return std::max(1, num_cores / num_busy + rest);
}

class CoreLease {
 public:
  using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: all processes read the same one.

  static constexpr size_t kSlotBytes = 64;  // A cache line.
  // A runner counts as busy this long after a step, so that shares do not change with every gap
  // between two steps.
  static constexpr Clock::duration kLinger = std::chrono::milliseconds(2);
  // A runner counts as busy this long after a step has begun, should it never end.
  static constexpr Clock::duration kLongestStep = std::chrono::seconds(10);

  struct Options {
    std::filesystem::path file;
    int slot = 0;       // In the file, this runner's alone. >= 0.
    int num_cores = 1;  // That the runners share. >= 1.
  };
  // INVALID_ARGUMENT if the file has no such slot; or why it cannot be opened or mapped.
  static absl::StatusOr<std::unique_ptr<CoreLease>> Open(const Options& options);

  CoreLease(const CoreLease&) = delete;
  CoreLease& operator=(const CoreLease&) = delete;
  ~CoreLease();  // No longer busy.

  // A step begins: this runner is busy. Says how many threads the step is to run on, in [1,
  // num_cores]; see CoreShare.
  int BeginStep(Clock::time_point now);

  // The step has ended: from kLinger on this runner is no longer busy, unless the next begins.
  void EndStep(Clock::time_point now);

 private:
  struct alignas(kSlotBytes) Slot {
    std::atomic<int64_t> busy_until;  // Ticks of Clock.
  };
  static_assert(std::atomic<int64_t>::is_always_lock_free);

  CoreLease(std::span<Slot> slots, const Options& options)
      : slots_(slots), slot_(options.slot), num_cores_(options.num_cores) {}

  void SetBusyUntil(Clock::time_point time);

  const std::span<Slot> slots_;  // Mapped.
  const int slot_;
  const int num_cores_;
};

}  // namespace chorus::runner
