#pragma once

// Asks a model once and prints its answer.
//
// Thread safety: free function without state.

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "cli/run/runner_session.h"
#include "proto/chorus/v1/generation.pb.h"

namespace chorus {

// Options for all texts.
struct AnswerOptions {
  v1::GenerationParams params;  // From the command line.
  bool json = false;            // Output format.
};

// Blocks until the runner's model is ready, then writes its answer to `text` (UTF-8) in pieces:
// each of a generator's texts, prompt first, with a line end; or a classifier's likeliest label and
// its probability, and on stderr that the text was truncated. With `json` one line when complete:
// the reply of the API's :generate, or a result of :classify. `write` returns false to end the
// call.
//
// INVALID_ARGUMENT for generation parameters to a classifier, or several texts without sampling;
// else the runner's errors, and CANCELLED after a stop.
absl::Status PrintAnswer(RunnerSession& session, const std::string& text,
                         const AnswerOptions& options,
                         const std::function<bool(std::string_view)>& write, std::stop_token stop);

}  // namespace chorus
