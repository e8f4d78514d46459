#pragma once

// Prepares a command line for CLI11: spells flags as declared, and names the first unknown word.
//
// Thread safety: free functions without state.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace chorus {

struct CommandWords {
  // Without the program's name. Flags as declared: --max-length becomes --max_length. An empty
  // value is a word of its own, as CLI11 requires.
  std::vector<std::string> words;
  // The verbs (CLI11's subcommands) before the first unknown word, outermost first; and the App of
  // the innermost.
  std::vector<std::string> verbs;
  const CLI::App* app = nullptr;
  // The error of the first unknown word, with the nearest known name if there is one: `there is no
  // flag --prot; did you mean --port?` Empty if all are known.
  std::string mistake;
};

// `app` must outlive the result.
CommandWords ReadCommandWords(const CLI::App& app, int argc, const char* const* argv);

// As CLI::App::parse.
void ParseWords(CLI::App& app, const CommandWords& command);

}  // namespace chorus
