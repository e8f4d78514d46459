#pragma once

// The monotonic clock, and timeouts for poll(2).
//
// Thread safety: free functions without state.

#include <time.h>

#include <algorithm>
#include <climits>

#include "absl/time/time.h"

namespace chorus {

// Time since some fixed moment.
inline absl::Duration MonotonicNow() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

// Milliseconds for poll, rounded up so that the wait never ends early; -1 for infinity.
inline int PollTimeout(absl::Duration wait) {
  if (wait == absl::InfiniteDuration()) return -1;
  const int64_t ms = absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(ms, 0, INT_MAX));
}

}  // namespace chorus
