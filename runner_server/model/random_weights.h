#pragma once

// Weights for a layer that was never trained.
//
// Thread safety: a free function without state.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace chorus::runner {

// The normal distribution around 0, cut at so many deviations.
struct NormalDistribution {
  float deviation = 0.02f;
  float most_deviations = std::numeric_limits<float>::infinity();
};

// `count` numbers, a function of seed, name and each one's place: by the method of Box and Muller
// (1958) from SplitMix64 (Steele, Lea and Flood, 2014). What is beyond the cut is drawn again.
std::vector<float> NormalWeights(uint64_t seed, std::string_view name, size_t count,
                                 const NormalDistribution& distribution);

}  // namespace chorus::runner
