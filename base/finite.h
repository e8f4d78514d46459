#pragma once

// Checks that floats are finite and within a range.
//
// Thread safety: free functions without state.

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

namespace chorus {

// How many of `values` (fewer than 2^32) are outside [-largest, largest] or NaN. Branch-free, so
// that the compiler vectorises it.
inline uint32_t CountBeyond(std::span<const float> values, float largest) {
  uint32_t count = 0;
  for (const float value : values) count += std::abs(value) <= largest ? 0 : 1;
  return count;
}

inline bool AllFinite(std::span<const float> values) {
  return CountBeyond(values, std::numeric_limits<float>::max()) == 0;
}

}  // namespace chorus
