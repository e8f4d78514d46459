#pragma once

// `chorus run`: asks one model, in a runner started for it.
//
// Thread safety: none; takes over signals, so call it before other threads start.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/run/answer.h"

namespace CLI {
class App;
}

namespace chorus {

struct RunOptions {
  std::string model;                // A tag, or the path of a folder.
  std::optional<std::string> text;  // "-": standard input. Unset: each line of the terminal.
  AnswerOptions answer;
  std::string dtype = "auto";              // As runner_server's.
  std::optional<int> num_threads;          // Unset: all cores.
  std::optional<uint64_t> untrained_head;  // As runner_server's.
  std::string native_code;                 // Likewise, of a folder; the store knows that of a tag.
  bool verbose = false;                    // Shows the runner's log.
};

// The exit status (0, or 128 + signal when interrupted) or the error. On a terminal, an error of
// one text is printed and the next text read, until the end of input; Ctrl-C ends the text being
// written, or else the program.
absl::StatusOr<int> Run(const RunOptions& options);

// Adds the verb; its outcome goes to `exit_status`.
void AddRunVerb(CLI::App& app, int& exit_status);

// Asks the model of a folder for one short answer, which is thrown away. `task` is its task,
// perhaps unknown; `native_code` as runner_server's. Status and errors as Run.
absl::StatusOr<int> SampleRun(const std::filesystem::path& directory, const std::string& task,
                              const std::string& native_code);

}  // namespace chorus
