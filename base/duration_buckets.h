#pragma once

// Bucket bounds, in seconds, for histograms of call durations.
//
// Thread safety: a free function without state.

#include <vector>

#include "absl/time/time.h"

namespace chorus {

// Upper bound of the gateway's limits.max_timeout.
inline constexpr absl::Duration kLongestMaxTimeout = absl::Hours(24);

// `fine`, ascending, then coarser bounds until one is at least `longest`, so that no call of up to
// `longest` falls past the last bound.
std::vector<double> DurationBuckets(std::vector<double> fine, absl::Duration longest);

}  // namespace chorus
