#pragma once

// `chorus run`: answers of one model, from a runner started for it alone.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/run/answer.h"

namespace chorus {

struct RunOptions {
  std::string model;                // A tag, or the path of a folder.
  std::optional<std::string> text;  // "-": standard input. Unset: each line of the terminal.
  AnswerOptions answer;
  std::string dtype = "auto";      // As runner_server's.
  std::optional<int> num_threads;  // Unset: all cores.
  bool verbose = false;            // Shows the runner's log.
};

// The exit status (0, or 128 + signal when interrupted); or what went wrong. On the terminal, what
// goes wrong with one text is said and the next one asked for; the end of the input ends it, and
// Ctrl-C the text that is being written, or else all of it.
absl::StatusOr<int> Run(const RunOptions& options);

}  // namespace chorus
