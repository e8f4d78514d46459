#pragma once

// What changes a token's logits before the sampler sees them, in this order: logit_bias is added;
// frequency_penalty is taken once for each time that the new text has the token, presence_penalty
// once if it has it; and until there are min_new_tokens, the tokens that end a text are ruled out.
//
// Thread safety: free functions without state.
// Source: OpenAI's API reference, "frequency and presence penalties"; the last is transformers'
// MinNewTokensLengthLogitsProcessor.

#include <cstdint>
#include <span>
#include <vector>

#include "proto/chorus/v1/generation.pb.h"

namespace chorus::runner {

// Whether EditLogits would change anything, where the text has `num_generated` new tokens.
bool EditsLogits(const chorus::v1::GenerationParams& params, size_t num_generated);

// The edited logits, in `edited`; or `logits` if nothing is to be edited. `generated` are the new
// tokens, `end_tokens` those that end a text; ids without a logit are passed over.
std::span<const float> EditLogits(std::span<const float> logits, std::span<const int32_t> generated,
                                  std::span<const int32_t> end_tokens,
                                  const chorus::v1::GenerationParams& params,
                                  std::vector<float>& edited);

}  // namespace chorus::runner
