#pragma once

// Asks a classifier or an embedder once and prints its answer.
//
// Thread safety: free functions without state.

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "cli/run/answer.h"
#include "cli/run/runner_session.h"

namespace chorus {

// As PrintAnswer, of a runner that is ready. INVALID_ARGUMENT for options that are another kind of
// model's.
absl::Status PrintScores(RunnerSession& session, const std::string& text,
                         const AnswerOptions& options,
                         const std::function<bool(std::string_view)>& write, std::stop_token stop);
absl::Status PrintVector(RunnerSession& session, const std::string& text,
                         const AnswerOptions& options,
                         const std::function<bool(std::string_view)>& write, std::stop_token stop);

}  // namespace chorus
