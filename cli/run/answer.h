#pragma once

// One answer of one model: what to ask, and how it is printed.
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

// What all texts are asked with.
struct AnswerOptions {
  v1::GenerationParams params;  // What the command line gives.
  bool json = false;            // How the answer is printed.
};

// Waits for the runner's model, then writes its answer to `text` (UTF-8) piece by piece: a
// generator's text, prompt first, and a line end, for each of its texts; a classifier's likeliest
// label and its probability, and on stderr that the text was longer than it reads. With `json`,
// when it is whole, one line: the object that the API's :generate gives, or a result of :classify.
// `write` returns false when nobody reads any more, which ends the call.
//
// INVALID_ARGUMENT when a classifier is given generation parameters, or several texts are asked for
// without sampling; else the runner's errors, and CANCELLED after a stop.
absl::Status PrintAnswer(RunnerSession& session, const std::string& text,
                         const AnswerOptions& options,
                         const std::function<bool(std::string_view)>& write, std::stop_token stop);

}  // namespace chorus
