#include "runner_server/scheduler/prefill_shares.h"

#include <cstddef>

namespace chorus::runner {

std::vector<int> DealPrefill(const std::vector<int>& num_left, int budget) {
  std::vector<int> shares(num_left.size(), 0);
  size_t oldest = 0;
  for (; oldest < num_left.size() && num_left[oldest] <= budget; ++oldest) {
    budget -= shares[oldest] = num_left[oldest];
  }
  if (oldest == num_left.size()) return shares;
  int for_younger = budget / 2;
  for (size_t i = oldest + 1; i < num_left.size(); ++i) {
    if (num_left[i] > for_younger) continue;
    for_younger -= num_left[i];
    budget -= shares[i] = num_left[i];
  }
  shares[oldest] = budget;
  return shares;
}

}  // namespace chorus::runner
