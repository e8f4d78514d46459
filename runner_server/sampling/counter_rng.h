#pragma once

// Random numbers without state: Philox4x32-10, a bijection of a 128-bit counter under a 64-bit key.
// The number drawn for a token depends on nothing but (seed, branch, sequence, position), so that a
// text comes out the same alone or in a batch, and on every replica.
//
// Thread safety: free functions without state.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

#include <array>
#include <cstdint>

namespace chorus::runner {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

// Ten rounds of Philox4x32.
PhiloxCounter Philox4x32(PhiloxCounter counter, PhiloxKey key);

// Uniform in [0, 1), with 53 random bits. `position` is the index of the token in its sequence.
double UniformAt(uint64_t seed, uint32_t branch, uint32_t sequence, uint64_t position);

}  // namespace chorus::runner
