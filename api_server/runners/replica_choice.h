#pragma once

// Chooses a healthy replica: of two drawn at random the one with fewer outstanding tokens
// (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001). Nearly as even as
// comparing all, without several gateways herding to the same idle replica.
//
// Thread safety: free function without state.

#include <cstddef>
#include <cstdint>
#include <span>

namespace chorus::gateway {

// The index of the choice. `loads`, one for each healthy replica, is not empty; `random` is uniform
// over its type.
inline size_t ChooseReplica(std::span<const int64_t> loads, uint64_t random) {
  if (loads.size() == 1) return 0;
  const size_t first = (random >> 32) % loads.size();
  // One of the others.
  size_t second = (random & 0xFFFFFFFF) % (loads.size() - 1);
  if (second >= first) ++second;
  return loads[second] < loads[first] ? second : first;
}

}  // namespace chorus::gateway
