#pragma once

// Chooses the next token of sequences from their logits, with threads of its own.
//
// Thread safety: none; the threads run only inside calls.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/kernels/thread_pool.h"
#include "runner_server/sampling/sampler.h"
#include "runner_server/scheduler/scheduler.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

// The next token of a sequence.
struct TokenChoice {
  const Sequence* sequence;
  const runner::v1::GenerateRequest* request;  // With all defaults set.
  int32_t token = -1;                          // If a logit is not finite.
  std::optional<chorus::v1::TokenLogprob> logprob = {};
};

class TokenChooser {
 public:
  // `tokenizer`, whose tokens are bytes, must outlive this. num_threads >= 1.
  TokenChooser(const Tokenizer& tokenizer, int num_threads);

  void set_num_threads(int num_threads) { pool_.set_num_active_threads(num_threads); }

  // Fills in the tokens of `choices`; `logits` are [choices, row_size].
  void Choose(std::span<const float> logits, size_t row_size, std::span<TokenChoice> choices);

 private:
  // The log-probabilities of `token` and of the `num_top` likeliest.
  chorus::v1::TokenLogprob MakeLogprob(std::span<const float> logits, int32_t token,
                                       uint32_t num_top) const;

  const Tokenizer& tokenizer_;
  ThreadPool pool_;
  std::vector<Sampler> samplers_;  // By thread of pool_.
};

}  // namespace chorus::runner
