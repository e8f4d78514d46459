#pragma once

// A command line read with some good will: what CLI11 is given to parse, and what to say where it
// cannot.
//
// Thread safety: free functions without state.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace chorus {

struct CommandWords {
  // Without the program's name. Flags are spelt as they are declared, however they were written:
  // --max-length is --max_length. An empty value is a word of its own, which CLI11 wants.
  std::vector<std::string> words;
  // The verbs (CLI11's subcommands) that were named, from the outermost, before anything that is
  // not known; and the innermost's App.
  std::vector<std::string> verbs;
  const CLI::App* app = nullptr;
  // What is wrong with the first word that is not known, with the name that was likely meant, if
  // there is one: `there is no flag --prot; did you mean --port?` Empty: all are known.
  std::string mistake;
};

// `app` must outlive the result.
CommandWords ReadCommandWords(const CLI::App& app, int argc, const char* const* argv);

// As CLI::App::parse.
void ParseWords(CLI::App& app, const CommandWords& command);

}  // namespace chorus
