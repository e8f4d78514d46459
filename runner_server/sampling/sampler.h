#pragma once

// Chooses the next token from a row of logits, as Hugging Face's generate() does: the repetition
// penalty, then greedy, or temperature, top_k, top_p and min_p in this order and one draw.
//
// The penalty applies once to each distinct token of the sequence. top_k keeps all ties with the
// k-th; top_p keeps the smallest set of likeliest tokens whose probabilities reach top_p, at least
// one; min_p is relative to the likeliest, which it keeps. The draw inverts the cumulative
// distribution in order of token id.
//
// Every field of `params` that has a default is set, and in range (base/generation_params.h).
//
// Thread safety: none; reuses its buffers. The result depends only on the arguments.

#include <cstdint>
#include <optional>
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
  // The id of the next token. `logits`, [vocab_size], must not be empty. `tokens` are the whole
  // sequence, prompt included; ids without a logit are ignored. `random` is in [0, 1). Greedy if
  // the logits leave nothing to draw from (NaN, infinities).
  int32_t Sample(std::span<const float> logits, std::span<const int32_t> tokens,
                 const chorus::v1::GenerationParams& params, double random);

  // Sample, of a row of which only the largest logits are known: those of `ids`, which are
  // ascending. All others are at most the least of these, and there are none if `is_all`. Nothing
  // if the token depends on one that is not known; that takes NumTopNeeded more than there are, or
  // equal ones.
  std::optional<int32_t> SampleTop(std::span<const int32_t> ids, std::span<const float> logits,
                                   bool is_all, std::span<const int32_t> tokens,
                                   const chorus::v1::GenerationParams& params, double random);

  // The tokens that Sample would draw from, in order of id. Valid until the next call.
  std::span<const Candidate> Filter(std::span<const float> logits, std::span<const int32_t> tokens,
                                    const chorus::v1::GenerationParams& params);

 private:
  // Returns `logits` if there is no penalty. Valid until the next call.
  std::span<const float> Penalize(std::span<const float> logits, std::span<const int32_t> tokens,
                                  double repetition_penalty);
  // The k-th largest of `logits` (1 <= k < logits.size()), counted with repetition.
  float KthLargest(std::span<const float> logits, size_t k);
  void KeepTopP(double top_p);
  void KeepMinP(double min_p);

  float threshold_ = 0;           // Of the last Filter's top_k: the least score that it keeps.
  std::vector<int32_t> known_;    // SampleTop's tokens, as indices into its ids.
  std::vector<float> penalized_;  // [vocab_size]
  std::vector<Candidate> candidates_;
  std::vector<float> largest_;   // KthLargest's candidates, fewer than 2k + one block.
  std::vector<double> weights_;  // exp(score - largest score), for each candidate.
  std::vector<uint32_t> heap_;   // KeepTopP's candidates by index, likeliest first.
};

// How many of a row's largest logits are enough to choose its next token, and to know the
// log-probabilities that are asked for, unless further ones equal the least of them. 0: all are
// needed. `num_tokens` is the length of the sequence.
int NumTopNeeded(const chorus::v1::GenerationParams& params, size_t num_tokens);

// The first index of the largest logit. `logits` must not be empty; NaN is never the largest.
int32_t ArgMax(std::span<const float> logits);

}  // namespace chorus::runner
