#pragma once

// How likely tokens are, by the softmax of logits as the model gives them.
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

// Of token `chosen` and of the `num_top` likeliest, or of as many as there are; NaN is never among
// them. By log-softmax of `logits`, [vocab_size], in double; these must hold `chosen`.
LogProbs ComputeLogProbs(std::span<const float> logits, int32_t chosen, size_t num_top);

}  // namespace chorus::runner
