#pragma once

// The command line of the verbs on bundles: build, list, get, delete, export, import, containerize.

#include <CLI/CLI.hpp>

namespace chorus {

// Adds the verbs; the outcome of the one that is called goes to `exit_status`, which must outlive
// the parsing.
void AddBundleVerbs(CLI::App& app, int& exit_status);

}  // namespace chorus
