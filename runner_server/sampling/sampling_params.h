#pragma once

// How the next token is chosen. Plain data; validated where it enters the runner.

#include <cstdint>

namespace chorus {

// In the order in which they apply, which is that of Hugging Face's logits processors.
struct SamplingParams {
  // Takes the likeliest token, and of what is below only the penalty matters.
  bool greedy() const { return !do_sample || temperature == 0; }

  bool do_sample = true;  // False is greedy.
  // Divides the positive logits of tokens that prompt or text have, multiplies their negative ones.
  // > 0; 1: no penalty.
  double repetition_penalty = 1.0;
  double temperature = 1.0;  // Divides the logits. >= 0; 0 is greedy.
  uint32_t top_k = 50;       // Keeps the k likeliest tokens; 0 keeps all.
  double top_p = 1.0;  // Keeps the likeliest tokens whose probabilities reach this sum. In (0, 1].
  double min_p = 0;  // Keeps tokens at least this many times as likely as the likeliest. In [0, 1].
  // The random number of a token is a function of these and its position alone.
  uint64_t seed = 0;
  uint32_t branch = 0;    // Tells apart the branches of one request that share a seed,
  uint32_t sequence = 0;  // and this the texts of one branch.
};

}  // namespace chorus
