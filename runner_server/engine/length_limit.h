#pragma once

// How long a text may become: Hugging Face's max_length and max_new_tokens.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::runner {

// What a request asks for, and what the model can do.
struct LengthLimit {
  uint32_t max_length = 0;      // Prompt and new tokens together. 0: 128, or the context if less.
  uint32_t max_new_tokens = 0;  // 0: none. Wins over max_length.
  int context_size = 0;         // Most tokens of one sequence.
  int kv_capacity = std::numeric_limits<int>::max();  // Most that the KV cache has memory for.
};

// INVALID_ARGUMENT if max_length counts and is over the model's context. Knows no prompt yet.
absl::Status CheckLengthLimit(const LengthLimit& limit);

// The most tokens of the whole sequence, more than the prompt's, at most the context and what the
// KV cache has memory for. INVALID_ARGUMENT, with both numbers, if the prompt leaves no room for a
// token.
absl::StatusOr<int> MaxTokens(const LengthLimit& limit, int num_prompt_tokens);

}  // namespace chorus::runner
