#pragma once

// Chooses the next token from a row of logits, as Hugging Face's generate() does: the repetition
// penalty, then greedy, or temperature, top_k, top_p and min_p in this order and one draw.
//
// The penalty falls once on each token of the sequence. top_k keeps every token whose score ties
// with the k-th; top_p keeps the smallest set of the likeliest tokens whose probabilities reach
// top_p, at least one; min_p compares with the likeliest, which it keeps. The draw inverts the
// cumulative distribution in order of token id.
//
// Every field of `params` that has a default is set, and in range (base/generation_params.h).
//
// Thread safety: none; keeps its working memory from call to call. The result depends on the
// arguments alone.

#include <cstdint>
#include <span>
#include <vector>

#include "proto/chorus/v1/generation.pb.h"

namespace chorus::runner {

// A token that may still be drawn.
struct Candidate {
  int32_t id;
  float score;  // Its logit, penalized and divided by the temperature.
};

class Sampler {
 public:
  // The id of the next token. `logits`, [vocab_size], must not be empty. `tokens` are all that the
  // sequence has, the prompt's first; ids that have no logit are never penalized. `random`, in
  // [0, 1), decides what is drawn. Where the logits leave nothing to draw from (NaN, infinities),
  // the choice is greedy.
  int32_t Sample(std::span<const float> logits, std::span<const int32_t> tokens,
                 const chorus::v1::GenerationParams& params, double random);

  // The tokens that Sample would draw from, in order of id. Valid until the next call.
  std::span<const Candidate> Filter(std::span<const float> logits, std::span<const int32_t> tokens,
                                    const chorus::v1::GenerationParams& params);

 private:
  // `logits` themselves where there is no penalty. Valid until the next call.
  std::span<const float> Penalize(std::span<const float> logits, std::span<const int32_t> tokens,
                                  double repetition_penalty);
  // The k-th largest of `logits` (1 <= k < logits.size()), counted with repetition.
  float KthLargest(std::span<const float> logits, size_t k);
  void KeepTopP(double top_p);
  void KeepMinP(double min_p);

  std::vector<float> penalized_;  // [vocab_size]
  std::vector<Candidate> candidates_;
  std::vector<float> largest_;   // KthLargest's candidates, fewer than 2k + one block.
  std::vector<double> weights_;  // exp(score - largest score), for each candidate.
  std::vector<uint32_t> heap_;   // KeepTopP's candidates by index, likeliest first.
};

// The first index of the largest logit. `logits` must not be empty; NaN is never the largest.
int32_t ArgMax(std::span<const float> logits);

}  // namespace chorus::runner
