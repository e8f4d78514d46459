#pragma once

// Runs a language model over token ids, in the ways that must not matter to a text.

#include <cstdint>
#include <span>
#include <vector>

#include "runner_server/model/language_model.h"

namespace chorus::runner {

using Ids = std::vector<int32_t>;
using Logits = std::vector<float>;

// The logits after `ids`, run in passes of `chunk` tokens.
Logits LogitsAfter(LanguageModel& model, const Ids& ids, int chunk, int slot = 0);

// The logits after `ids`, whose first half slot 1 has from slot 0, which then gives up its own.
Logits LogitsAfterCopy(LanguageModel& model, const Ids& ids);

// Those after each text, from one pass for all, in which some texts begin, some go on and some
// decode. The model must have a slot for each.
std::vector<Logits> LogitsOfBatch(LanguageModel& model, const std::vector<Ids>& texts);

// Continues all texts greedily, by so many tokens each, as one batch from which texts leave when
// they are that long. The model must have a slot for each.
std::vector<Ids> ContinueGreedily(LanguageModel& model, const std::vector<Ids>& prompts,
                                  const std::vector<size_t>& num_tokens);

}  // namespace chorus::runner
