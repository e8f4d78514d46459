#pragma once

// Chooses the next token from a row of logits, as Hugging Face's generate() does: greedy, or
// temperature, top_k and top_p in this order and then one draw.
//
// top_k keeps every token whose score ties with the k-th; top_p keeps the smallest set of the
// likeliest tokens whose probabilities reach top_p, at least one. The draw inverts the cumulative
// distribution in order of token id with the number UniformAt(seed, branch, position).
//
// Thread safety: none; keeps its working memory from call to call. The result depends on the
// arguments alone.

#include <cstdint>
#include <span>
#include <vector>

#include "runner_server/sampling/sampling_params.h"

namespace chorus {

// A token that may still be drawn.
struct Candidate {
  int32_t id;
  float score;  // Its logit, divided by the temperature.
};

class Sampler {
 public:
  // The id of the next token. `logits`, [vocab_size], must not be empty; `params` must be in range
  // (see CheckSamplingParams). `position` is the index the token will have in its sequence. Where
  // the logits leave nothing to draw from (NaN, infinities), the choice is greedy.
  int32_t Sample(std::span<const float> logits, const SamplingParams& params, uint64_t position);

  // The tokens that Sample would draw from, in order of id. Valid until the next call.
  std::span<const Candidate> Filter(std::span<const float> logits, const SamplingParams& params);

 private:
  // The k-th largest of `logits` (1 <= k < logits.size()), counted with repetition.
  float KthLargest(std::span<const float> logits, size_t k);
  void KeepTopP(double top_p);

  std::vector<Candidate> candidates_;
  std::vector<float> largest_;   // KthLargest's candidates, fewer than 2k + one block.
  std::vector<double> weights_;  // exp(score - largest score), for each candidate.
  std::vector<uint32_t> heap_;   // KeepTopP's candidates by index, likeliest first.
};

// The first index of the largest logit. `logits` must not be empty; NaN is never the largest.
int32_t ArgMax(std::span<const float> logits);

}  // namespace chorus
