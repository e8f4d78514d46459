// The `chorus` command: reads the command line and calls the verb.
//
// Exit status: 0 done (help is, also that of a group of verbs without one of them), 1 failed, 2
// wrong usage, 128 + N ended by signal N.

#include <CLI/CLI.hpp>
#include <clocale>
#include <iostream>
#include <string>
#include <vector>

#include "base/command_words.h"
#include "cli/bench/bench.h"
#include "cli/bundles/bundles.h"
#include "cli/command_line.h"
#include "cli/completion.h"
#include "cli/models/models.h"
#include "cli/run/run.h"
#include "cli/serve/serve.h"

namespace chorus {
namespace {

constexpr int kWrongUsage = 2;

// Makes the verb, whose outcome goes to `exit_status`.
void AddCompletion(CLI::App& app, int& exit_status) {
  static std::string shell;
  CLI::App* verb =
      app.add_subcommand("completion", "Print the script by which a shell completes chorus");
  verb->group("Help");
  verb->add_option("shell", shell, "bash or zsh")
      ->required()
      ->check(Quiet(CLI::IsMember({"bash", "zsh"})));
  verb->footer(
      "\nExamples:\n"
      "  chorus completion bash > ~/.local/share/bash-completion/completions/chorus\n"
      "  source <(chorus completion zsh)        # In ~/.zshrc, after compinit");
  verb->callback([&app, &exit_status] {
    std::cout << (shell == "bash" ? BashCompletion(app) : ZshCompletion(app)) << std::flush;
    exit_status = std::cout ? 0 : 1;
  });
}

// What it is to be typed as: "chorus models list".
std::string CommandOf(const std::vector<std::string>& verbs) {
  std::string command = "chorus";
  for (const std::string& verb : verbs) command += " " + verb;
  return command;
}

bool HasVerbs(const CLI::App& app) {
  return !app.get_subcommands([](const CLI::App*) { return true; }).empty();
}

int Help(const CommandWords& described) {
  std::vector<std::string> parents = described.verbs;
  if (!parents.empty()) parents.pop_back();
  std::cout << described.app->help(described.verbs.empty() ? "" : CommandOf(parents));
  return 0;
}

int WrongUsage(const CommandWords& command, const std::string& mistake) {
  std::cerr << "chorus: " << mistake << "\n"
            << CommandOf(command.verbs) << " --help says how it is used" << std::endl;
  return kWrongUsage;
}

int Main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // Names of files in archives, for libarchive.
  int exit_status = 0;
  CLI::App app("Chorus serves inference graphs: text generators whose answers a classifier scores.",
               "chorus");
  app.set_version_flag("--version", "chorus " CHORUS_VERSION);
  app.set_help_flag("-h,--help", "Show help");
  app.footer(
      "\nExamples:\n  chorus serve\n  chorus run gpt2-generation \"I have an idea!\"\n"
      "  chorus build\n  chorus help serve");
  AddServeVerb(app, exit_status);
  AddRunVerb(app, exit_status);
  bench::AddBenchVerbs(app, exit_status);
  AddModelVerbs(app, exit_status);
  AddBundleVerbs(app, exit_status);
  AddCompletion(app, exit_status);
  app.add_subcommand("help", "Show help on a verb: chorus help serve")->group("Help");
  app.require_subcommand(1);
  // `chorus help models list` describes what comes after it. CLI11 would take that for the verb to
  // run.
  const bool asks_help = argc > 1 && std::string(argv[1]) == "help";
  const CommandWords command =
      asks_help ? ReadCommandWords(app, argc - 1, argv + 1) : ReadCommandWords(app, argc, argv);
  // A group of verbs without one of them asks for them.
  const bool is_group = command.words == command.verbs && HasVerbs(*command.app);
  if (asks_help && !command.mistake.empty()) return WrongUsage(command, command.mistake);
  if (asks_help || is_group) return Help(command);
  try {
    ParseWords(app, command);
  } catch (const CLI::Success& success) {  // --help or --version.
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return WrongUsage(command, command.mistake.empty() ? error.what() : command.mistake);
  }
  return exit_status;
}

}  // namespace
}  // namespace chorus

int main(int argc, char** argv) { return chorus::Main(argc, argv); }
