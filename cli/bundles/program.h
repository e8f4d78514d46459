#pragma once

// Another program, run to its end without a shell.
//
// Thread safety: free functions without state.

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus {

struct ProgramOutput {
  int exit_status = 0;  // 128 + N if it was killed by signal N.
  std::string out;
  std::string err;
};

// `argv[0]` is looked up on PATH unless it has a slash. Standard input is /dev/null. NOT_FOUND when
// there is no such program.
absl::StatusOr<ProgramOutput> CaptureProgram(const std::vector<std::string>& argv);

// The same with this process's standard streams; the exit status.
absl::StatusOr<int> RunProgram(const std::vector<std::string>& argv);

// The command as one would type it into a shell.
std::string FormatCommand(const std::vector<std::string>& argv);

}  // namespace chorus
