#pragma once

// Log-probabilities of tokens, by softmax of the unmodified logits.
//
// Thread safety: a free function without state.

#include <cstdint>
#include <span>
#include <vector>

namespace chorus::runner {

struct LogProb {
  int32_t id = 0;
  double value = 0;  // Natural logarithm of the token's probability.
};

struct LogProbs {
  LogProb chosen;
  std::vector<LogProb> top;  // Likeliest first, of equal ones the lower id.
};

// For `chosen`, an index into `logits`, [vocab_size], and the `num_top` likeliest (or all); never
// NaN. Computed in double precision.
LogProbs ComputeLogProbs(std::span<const float> logits, int32_t chosen, size_t num_top);

// The same where only some logits are known, whose log-sum-exp with all others is `log_total`:
// `chosen`, and the ids of the result, are indices into `logits`.
LogProbs ComputeLogProbs(std::span<const float> logits, double log_total, int32_t chosen,
                         size_t num_top);

}  // namespace chorus::runner
