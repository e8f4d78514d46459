#pragma once

// How runners that share a machine's cores divide them.
//
// Thread safety: a free function without state.

#include <algorithm>

namespace chorus {

// The threads of a runner while `num_busy` runners compute, itself included: the cores are dealt
// out in turn, by `rank` among the busy ones (in [0, num_busy)). Who would get none gets one all
// the same.
//
// Example: 8 cores, 3 busy -> 3, 3, 2. 2 cores, 4 busy -> 1, 1, 1, 1. One alone -> all.
constexpr int CoreShare(int num_cores, int num_busy, int rank) {
  const int rest = rank < num_cores % num_busy ? 1 : 0;
  return std::max(1, num_cores / num_busy + rest);
}

}  // namespace chorus
