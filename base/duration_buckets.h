#pragma once

// Bounds of histograms of how long calls took, in seconds.
//
// Thread safety: a free function without state.

#include <vector>

#include "absl/time/time.h"

namespace chorus {

// The longest time that a gateway may be told to allow a call (limits.max_timeout).
inline constexpr absl::Duration kLongestMaxTimeout = absl::Hours(24);

// `fine`, which ascends, and after it coarser bounds until one is at least `longest`: so a quantile
// of calls that took no longer is never told as the last bound, whatever they took.
std::vector<double> DurationBuckets(std::vector<double> fine, absl::Duration longest);

}  // namespace chorus
