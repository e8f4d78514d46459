#pragma once

// The command line of `chorus models`.

#include <CLI/CLI.hpp>

namespace chorus {

// Adds the verb; its outcome goes to `exit_status`.
void AddModelVerbs(CLI::App& app, int& exit_status);

}  // namespace chorus
