#pragma once

// Whether numbers are numbers: neither NaN nor infinite, nor too large for where they go.
//
// Thread safety: free functions without state.

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

namespace chorus {

// How many of `values`, fewer than 2^32, are not in [-largest, largest]; NaN is not. Without a
// branch, so that the compiler makes vectors of it.
inline uint32_t CountBeyond(std::span<const float> values, float largest) {
  uint32_t count = 0;
  for (const float value : values) count += std::abs(value) <= largest ? 0 : 1;
  return count;
}

inline bool AllFinite(std::span<const float> values) {
  return CountBeyond(values, std::numeric_limits<float>::max()) == 0;
}

}  // namespace chorus
