#pragma once

// What a generation is asked with and answered by. Plain data.

#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "runner_server/sampling/sampling_params.h"

namespace chorus {

struct GenerationRequest {
  std::string text;  // The prompt, valid UTF-8. Empty starts from the model's BOS token.
  SamplingParams sampling;
  uint32_t max_length = 0;      // Prompt and new tokens together; 0: the model's context.
  uint32_t max_new_tokens = 0;  // 0: no limit. Wins over max_length.
};

// New text, whole UTF-8 characters, never empty.
struct GenerationDelta {
  std::string text;
  int num_tokens = 0;  // Decoded since the previous delta.
};

enum class FinishReason {
  kStop,    // End-of-sequence token, which leaves no text.
  kLength,  // A length limit, the model's context, or all the memory of the KV cache.
};

struct GenerationResult {
  FinishReason reason = FinishReason::kStop;
  int num_prompt_tokens = 0;
  int num_generated_tokens = 0;  // An end-of-sequence token included.
};

// Both are called without any lock held, and must not block. `on_delta` any number of times, on the
// engine thread; then `on_done` exactly once, on the engine thread, or on the tokenizer thread if
// the request never got that far.
struct GenerationCallbacks {
  absl::AnyInvocable<void(GenerationDelta)> on_delta;
  absl::AnyInvocable<void(absl::StatusOr<GenerationResult>) &&> on_done;
};

}  // namespace chorus
