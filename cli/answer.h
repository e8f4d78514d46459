#pragma once

// One answer of one model: what to ask, and how it is printed.
//
// Thread safety: free function without state.

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "cli/runner_session.h"

namespace chorus {

// The defaults are those of the server.
struct AnswerOptions {
  std::string text;  // UTF-8.
  std::optional<uint32_t> max_length;
  std::optional<uint32_t> max_new_tokens;
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<uint32_t> top_k;
  std::optional<double> top_p;
  std::optional<uint64_t> seed;  // Unset: a random one.
};

// Waits for the runner's model, then writes its answer piece by piece: a generator's text, prompt
// first, and a line end; a classifier's likeliest label and its probability, and on standard error
// that the text was longer than it reads. `write` returns false
// when nobody reads any more, which ends the call.
//
// INVALID_ARGUMENT when a classifier is given generation parameters; else the runner's errors, and
// CANCELLED after a stop.
absl::Status PrintAnswer(RunnerSession& session, const AnswerOptions& options,
                         const std::function<bool(std::string_view)>& write, std::stop_token stop);

}  // namespace chorus
