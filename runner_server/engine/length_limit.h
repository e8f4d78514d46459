#pragma once

// The maximum length of a text: Hugging Face's max_length and max_new_tokens.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::runner {

// The limits of request and model.
struct LengthLimit {
  uint32_t max_length = 0;                 // Prompt and new tokens. 0: 128, or the context if less.
  std::optional<uint32_t> max_new_tokens;  // Takes precedence over max_length.
  int context_size = 0;                    // Most tokens of one sequence.
  int kv_capacity = std::numeric_limits<int>::max();  // Of one sequence.
};

// INVALID_ARGUMENT if max_length applies and exceeds the context. Without the prompt.
absl::Status CheckLengthLimit(const LengthLimit& limit);

// The maximum tokens of the sequence: more than the prompt's unless max_new_tokens is 0, at most
// the context and kv_capacity. INVALID_ARGUMENT, with both numbers, if the prompt leaves no room
// for a token.
absl::StatusOr<int> MaxTokens(const LengthLimit& limit, int num_prompt_tokens);

}  // namespace chorus::runner
