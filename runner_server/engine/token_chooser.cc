#include "runner_server/engine/token_chooser.h"

#include <algorithm>
#include <atomic>

#include "base/finite.h"
#include "runner_server/sampling/counter_rng.h"
#include "runner_server/sampling/log_probs.h"
#include "runner_server/sampling/logit_edits.h"

namespace chorus::runner {
namespace {

const chorus::v1::GenerationParams& ParamsOf(const TokenChoice& choice) {
  return choice.request->params();
}

// The position of a token is the number of those before it.
double RandomOf(const TokenChoice& choice) {
  return UniformAt(ParamsOf(choice).seed(), choice.request->branch(), choice.request->sequence(),
                   choice.sequence->tokens.size());
}

chorus::v1::TokenLogprob ToProto(const LogProbs& logprobs, const TokenBytes& bytes) {
  const auto fill = [&bytes](const LogProb& from, auto& to) {
    to.set_id(from.id);
    to.set_text(ReplaceInvalidUtf8(bytes.token_bytes(from.id)));
    to.set_logprob(from.value);
  };
  chorus::v1::TokenLogprob result;
  fill(logprobs.chosen, result);
  for (const LogProb& logprob : logprobs.top) fill(logprob, *result.add_top());
  return result;
}

}  // namespace

TokenChooser::TokenChooser(const Tokenizer& tokenizer, std::span<const int32_t> end_tokens,
                           int num_threads)
    : tokenizer_(tokenizer), end_tokens_(end_tokens), pool_(num_threads), scratch_(num_threads) {}

int TokenChooser::NumTop(const TokenChoice& choice) {
  if (EditsLogits(ParamsOf(choice), choice.sequence->num_generated())) return 0;
  return NumTopNeeded(ParamsOf(choice), choice.sequence->tokens.size());
}

// Ids past the tokenizer's vocabulary have no text: padding of the embedding. Its own past the
// embedding have no logits.
int TokenChooser::NumIds(const LanguageModel& model) const {
  return static_cast<int>(std::min<size_t>(model.vocab_size(), tokenizer_.vocab_size()));
}

void TokenChooser::Choose(const LanguageModel::Output& output, LanguageModel& model,
                          std::span<TokenChoice> choices) {
  const int num_ids = NumIds(model);
  const auto all_of = [&](int place) {
    return output.logits.subspan(static_cast<size_t>(place) * model.vocab_size(), num_ids);
  };
  int num_all = 0, num_top = 0;
  places_.clear();
  for (const TokenChoice& choice : choices) {
    places_.push_back(choice.num_top == 0 ? num_all++ : num_top++);
  }
  std::atomic<bool> any_left = false;
  pool_.Run(static_cast<int>(choices.size()), [&](int thread, int begin, int end) {
    for (int i = begin; i < end; ++i) {
      if (choices[i].num_top == 0) {
        ChooseOfAll(all_of(places_[i]), scratch_[thread], choices[i]);
        places_[i] = -1;
      } else if (ChooseOfTop(output.top[places_[i]], num_ids, scratch_[thread].sampler,
                             *tokenizer_.bytes(), choices[i])) {
        places_[i] = -1;
      } else {
        any_left = true;
      }
    }
  });
  if (!any_left) return;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (places_[i] >= 0) ChooseOfAll(model.AllOfTop(places_[i]), scratch_[0], choices[i]);
  }
}

void TokenChooser::ChooseOfAll(std::span<const float> logits, Scratch& scratch,
                               TokenChoice& choice) const {
  if (!AllFinite(logits)) return;
  const chorus::v1::GenerationParams& params = ParamsOf(choice);
  const std::span<const int32_t> tokens = choice.sequence->tokens;
  if (choice.place >= 0) {
    choice.token = tokens[choice.place];
  } else {
    const std::span<const float> edited =
        EditLogits(logits, tokens.subspan(choice.sequence->num_prompt_tokens), end_tokens_, params,
                   scratch.logits);
    choice.token = scratch.sampler.Sample(edited, tokens, params, RandomOf(choice));
    if (!params.has_logprobs()) return;
  }
  choice.logprob =
      ToProto(ComputeLogProbs(logits, choice.token, params.logprobs()), *tokenizer_.bytes());
}

bool TokenChooser::ChooseOfTop(const TopLogits& top, int num_ids, Sampler& sampler,
                               const TokenBytes& bytes, TokenChoice& choice) {
  if (!top.is_finite) return true;
  const chorus::v1::GenerationParams& params = ParamsOf(choice);
  const bool is_all = std::ssize(top.ids) == num_ids;
  const std::optional<int32_t> token = sampler.SampleTop(
      top.ids, top.logits, is_all, choice.sequence->tokens, params, RandomOf(choice));
  if (!token.has_value()) return false;
  if (params.has_logprobs()) {
    const auto index =
        static_cast<int32_t>(std::ranges::lower_bound(top.ids, *token) - top.ids.begin());
    LogProbs logprobs = ComputeLogProbs(top.logits, top.log_sum_exp, index, params.logprobs());
    // Of equal ones that with the lowest id counts, which may not be among these.
    const float least = std::ranges::min(top.logits);
    if (!is_all && !logprobs.top.empty() && top.logits[logprobs.top.back().id] <= least) {
      return false;
    }
    logprobs.chosen.id = *token;
    for (LogProb& likely : logprobs.top) likely.id = top.ids[likely.id];
    choice.logprob = ToProto(logprobs, bytes);
  }
  choice.token = *token;
  return true;
}

}  // namespace chorus::runner
