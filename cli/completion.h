#pragma once

// Shell completion scripts, generated from the declared verbs and flags.
//
// Thread safety: free functions without state.

#include <CLI/CLI.hpp>
#include <string>

namespace chorus {

// For bash. Verbs are completed, flags after a '-', and else the names of files.
std::string BashCompletion(const CLI::App& app);

// The same for zsh.
std::string ZshCompletion(const CLI::App& app);

}  // namespace chorus
