#pragma once

// What a generation is asked with and answered by. Plain data.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/sampling/sampling_params.h"

namespace chorus {

struct GenerationRequest {
  std::string text;  // The prompt, valid UTF-8. Empty starts from the model's BOS token.
  SamplingParams sampling;
  uint32_t max_length = 0;        // As LengthLimit's.
  uint32_t max_new_tokens = 0;    // 0: no limit. Wins over max_length.
  std::vector<std::string> stop;  // The text ends before the first of these; see StopStringMatcher.
  bool ignore_eos = false;        // The end-of-sequence token ends nothing.
  bool split_special_tokens = false;  // As Tokenizer::Encode's.
  // How many of the likeliest tokens come with each token, at most kMaxTopLogProbs. Unset: no
  // log-probabilities at all.
  std::optional<uint32_t> top_logprobs;
  // After so long the text ends where it is. Without a token by then: DEADLINE_EXCEEDED.
  absl::Duration finish_within = absl::InfiniteDuration();
  bool underway = false;  // As QueueBudget's.
};

inline constexpr uint32_t kMaxTopLogProbs = 20;

// How likely a token was, by the softmax of the model's logits as they are: before penalty,
// temperature and cuts. Of the tokenizer's vocabulary; an embedding's padding does not count.
struct TokenLogProb {
  int32_t id = 0;
  std::string text;               // By itself, UTF-8; of a special token, none.
  double logprob = 0;             // Natural logarithm of its probability.
  std::vector<TokenLogProb> top;  // The likeliest here, likeliest first; without a `top` of theirs.
};

// Tokens and their text. The deltas of a generation have num_generated_tokens between them, however
// it ends: an end-of-sequence token and those of which a stop string takes the text count too.
struct GenerationDelta {
  std::string text;                    // Whole UTF-8 characters. Empty in the last delta at most.
  int num_tokens = 0;                  // That the text is of. At least 1.
  std::vector<TokenLogProb> logprobs;  // One for each of these; only with top_logprobs.
};

enum class FinishReason {
  kStop,        // End-of-sequence token, which leaves no text.
  kLength,      // A length limit, the model's context, or all the memory of the KV cache.
  kStopString,  // One of the stop strings, which leaves no text either.
  kDeadline,    // finish_within is over.
};

// Where the time of a generation went, and in what company it was.
struct GenerationTiming {
  absl::Duration queue;        // From its arrival to its first step,
  absl::Duration prefill;      // from there to its first new token,
  absl::Duration decode;       // from there to its last.
  double mean_batch_size = 0;  // Sequences in the steps it was part of, on average,
  int max_batch_size = 0;      // and at most.
};

struct GenerationResult {
  FinishReason reason = FinishReason::kStop;
  int num_prompt_tokens = 0;
  int num_generated_tokens = 0;  // An end-of-sequence token included.
  GenerationTiming timing;
};

// Both are called without any lock held, and must not block. `on_delta` any number of times, on the
// engine thread; then `on_done` exactly once, on the engine thread, or on the tokenizer thread if
// the request never got that far.
struct GenerationCallbacks {
  absl::AnyInvocable<void(GenerationDelta)> on_delta;
  absl::AnyInvocable<void(absl::StatusOr<GenerationResult>) &&> on_done;
};

}  // namespace chorus
