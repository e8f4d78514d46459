#pragma once

// Asks a model once and prints its answer.
//
// Thread safety: free function without state.

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "cli/run/runner_session.h"
#include "proto/chorus/v1/generation.pb.h"

namespace chorus {

// Options for all texts.
struct AnswerOptions {
  v1::GenerationParams params;           // From the command line.
  std::optional<std::string> text_pair;  // The second text of a pair to classify.
  bool json = false;                     // Output format.
};

// Blocks until the runner's model is ready, then writes its answer to `text` (UTF-8) in pieces:
// each of a generator's texts, prompt first, with a line end; a classifier's label with the highest
// score and that score (of labels of which any number may apply, all of at least 0.5); or an
// embedder's numbers. On stderr that the text was truncated, or that the classifier's head is
// untrained. With `json` one line when complete: the reply of the API's :generate, or a result of
// :classify or :embed. `write` returns false to end the call.
//
// INVALID_ARGUMENT for options that are another kind of model's, or several texts without sampling;
// else the runner's errors, and CANCELLED after a stop.
absl::Status PrintAnswer(RunnerSession& session, const std::string& text,
                         const AnswerOptions& options,
                         const std::function<bool(std::string_view)>& write, std::stop_token stop);

// One line, whatever the bytes of its texts.
std::string JsonLine(const nlohmann::ordered_json& json);

}  // namespace chorus
