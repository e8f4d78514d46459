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
#include "runner_server/model/language_model.h"
#include "runner_server/sampling/sampler.h"
#include "runner_server/scheduler/scheduler.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

// The next token of a sequence, or one of its prompt's.
struct TokenChoice {
  const Sequence* sequence;
  const runner::v1::GenerateRequest* request;  // With all defaults set.
  int num_top = 0;                             // As LanguageModel::Row's.
  int place = -1;      // If >= 0, that of a token in the prompt, of which `logprob` is wanted.
  int32_t token = -1;  // If a logit is not finite.
  std::optional<chorus::v1::TokenLogprob> logprob = {};
};

class TokenChooser {
 public:
  // `tokenizer`, whose tokens are bytes, must outlive this, likewise `end_tokens`, those that end a
  // text. num_threads >= 1.
  TokenChooser(const Tokenizer& tokenizer, std::span<const int32_t> end_tokens, int num_threads);

  void set_num_threads(int num_threads) { pool_.set_num_active_threads(num_threads); }

  // How many logits a choice takes, as Row's num_top; and the tokens that can be chosen.
  static int NumTop(const TokenChoice& choice);
  int NumIds(const LanguageModel& model) const;

  // Fills in the tokens of `choices`, whose rows are `output`, of `model`, in order.
  void Choose(const LanguageModel::Output& output, LanguageModel& model,
              std::span<TokenChoice> choices);

 private:
  using TopLogits = LanguageModel::TopLogits;

  struct Scratch {
    Sampler sampler;
    std::vector<float> logits;  // Edited.
  };

  // Of all logits.
  void ChooseOfAll(std::span<const float> logits, Scratch& scratch, TokenChoice& choice) const;
  // Of the largest. False if they are not enough.
  static bool ChooseOfTop(const TopLogits& top, int num_ids, Sampler& sampler,
                          const TokenBytes& bytes, TokenChoice& choice);

  const Tokenizer& tokenizer_;
  const std::span<const int32_t> end_tokens_;
  ThreadPool pool_;
  std::vector<Scratch> scratch_;  // By thread of pool_.
  std::vector<int> places_;       // Of the choices: in the output's logits, or its top.
};

}  // namespace chorus::runner
