#pragma once

// Shares a machine's cores among its runners without messages: in a file that all map, each writes
// until when it is busy and reads who else is.
//
// The file has kSlotBytes for each runner, initially zero; the process that starts the runners
// creates it. Nothing blocks and nothing is released: a runner that ends, however, soon stops being
// busy.
//
// Thread safety: none; used by the engine thread. Any number of processes may share the file.

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
// round-robin by `rank` among the busy ones, in [0, num_busy). At least 1.
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
  // A runner stays busy this long after a step, so that shares do not change with every gap between
  // steps.
  static constexpr Clock::duration kLinger = std::chrono::milliseconds(2);
  // A runner is busy at most this long after a step has begun.
  static constexpr Clock::duration kLongestStep = std::chrono::seconds(10);

  struct Options {
    std::filesystem::path file;
    int slot = 0;       // This runner's slot in the file. >= 0.
    int num_cores = 1;  // Shared by the runners. >= 1.
  };
  // INVALID_ARGUMENT if the file has no such slot; else the error of open or mmap.
  static absl::StatusOr<std::unique_ptr<CoreLease>> Open(const Options& options);

  CoreLease(const CoreLease&) = delete;
  CoreLease& operator=(const CoreLease&) = delete;
  ~CoreLease();  // No longer busy.

  // Marks this runner busy. Returns the number of threads for the step, in [1, num_cores]; see
  // CoreShare.
  int BeginStep(Clock::time_point now);

  // The step has ended: the runner is busy for kLinger more.
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
