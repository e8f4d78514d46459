#pragma once

// `chorus run`: one answer of one model, from a runner started for it alone.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/answer.h"

namespace chorus {

struct RunOptions {
  std::string model;               // A tag, or the path of a folder.
  AnswerOptions answer;            // Its text may be "-": standard input.
  std::string dtype = "auto";      // As runner_server's.
  std::optional<int> num_threads;  // Unset: all cores.
  bool verbose = false;            // Shows the runner's log.
};

// The exit status (0, or 128 + signal when interrupted); or what went wrong.
absl::StatusOr<int> Run(RunOptions options);

}  // namespace chorus
