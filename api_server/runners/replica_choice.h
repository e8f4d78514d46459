#pragma once

// Which of a runner's healthy replicas a call goes to: the one with fewer calls of two taken at
// random (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001). Nearly as
// even as asking all, and many gateways do not all flock to the one that looks idle.
//
// Thread safety: free function without state.

#include <cstddef>
#include <cstdint>
#include <span>

namespace chorus {

// The index of the choice. `num_calls`, one for each healthy replica, is not empty; `random` is
// uniform over its type.
inline size_t ChooseReplica(std::span<const int> num_calls, uint64_t random) {
  if (num_calls.size() == 1) return 0;
  const size_t first = (random >> 32) % num_calls.size();
  // One of the others.
  size_t second = (random & 0xFFFFFFFF) % (num_calls.size() - 1);
  if (second >= first) ++second;
  return num_calls[second] < num_calls[first] ? second : first;
}

}  // namespace chorus
