#pragma once

// How the next token is chosen. Plain data; validated where it enters the runner.

#include <cstdint>

namespace chorus {

struct SamplingParams {
  bool do_sample = true;     // False: the likeliest token (greedy), and nothing below matters.
  double temperature = 1.0;  // Divides the logits. > 0.
  uint32_t top_k = 50;       // Keeps the k likeliest tokens; 0 keeps all.
  double top_p = 1.0;  // Keeps the likeliest tokens whose probabilities reach this sum. In (0, 1].
  uint64_t seed =
      0;  // The random number of a token is a function of (seed, branch, position) alone.
  uint32_t branch = 0;  // Tells apart the sequences of one request that share a seed.
};

}  // namespace chorus
