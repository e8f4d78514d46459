#include "runner_server/engine/token_chooser.h"

#include <algorithm>

#include "base/finite.h"
#include "runner_server/sampling/counter_rng.h"
#include "runner_server/sampling/log_probs.h"
#include "runner_server/tokenizer/detokenizer.h"

namespace chorus::runner {

TokenChooser::TokenChooser(const Tokenizer& tokenizer, int num_threads)
    : tokenizer_(tokenizer), pool_(num_threads), samplers_(num_threads) {}

void TokenChooser::Choose(std::span<const float> logits, size_t row_size,
                          std::span<TokenChoice> choices) {
  // Ids past the tokenizer's vocabulary have no text: padding of the embedding. Its own past the
  // embedding have no logits.
  const size_t num_ids = std::min<size_t>(row_size, tokenizer_.vocab_size());
  pool_.Run(static_cast<int>(choices.size()), [&](int thread, int begin, int end) {
    for (int i = begin; i < end; ++i) {
      TokenChoice& choice = choices[i];
      const auto row = logits.subspan(i * row_size, num_ids);
      if (!AllFinite(row)) continue;
      const Sequence& sequence = *choice.sequence;
      const chorus::v1::GenerationParams& params = choice.request->params();
      // The position of a token is the number of those before it.
      const double random = UniformAt(params.seed(), choice.request->branch(),
                                      choice.request->sequence(), sequence.tokens.size());
      choice.token = samplers_[thread].Sample(row, sequence.tokens, params, random);
      if (params.has_logprobs()) {
        choice.logprob = MakeLogprob(row, choice.token, params.logprobs());
      }
    }
  });
}

chorus::v1::TokenLogprob TokenChooser::MakeLogprob(std::span<const float> logits, int32_t token,
                                                   uint32_t num_top) const {
  const LogProbs logprobs = ComputeLogProbs(logits, token, num_top);
  const auto fill = [this](const LogProb& from, auto& to) {
    to.set_id(from.id);
    to.set_text(ReplaceInvalidUtf8(tokenizer_.bytes()->token_bytes(from.id)));
    to.set_logprob(from.value);
  };
  chorus::v1::TokenLogprob result;
  fill(logprobs.chosen, result);
  for (const LogProb& logprob : logprobs.top) fill(logprob, *result.add_top());
  return result;
}

}  // namespace chorus::runner
