// The `chorus` command: reads the command line and calls the verb.
//
// Exit status: 0 done (help is, also that of a group of verbs without one of them), 1 failed, 2
// wrong usage, 128 + N ended by signal N.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <clocale>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "base/command_words.h"
#include "base/dtypes.h"
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

std::string ParseDuration(const std::string& text, absl::Duration& duration) {
  if (absl::ParseDuration(text, &duration) && duration >= absl::ZeroDuration() &&
      duration < absl::InfiniteDuration()) {
    return "";
  }
  return "must be a time such as 30s or 1m30s: " + text;
}

std::string Positive(const std::string& text) {
  double value = 0;
  return absl::SimpleAtod(text, &value) && value > 0 ? "" : "must be greater than 0: " + text;
}

std::string NotNegative(const std::string& text) {
  double value = 0;
  return absl::SimpleAtod(text, &value) && value >= 0 ? "" : "must be 0 or greater: " + text;
}

// Each Add function makes one verb, whose outcome goes to `exit_status`.
void AddServe(CLI::App& app, int& exit_status) {
  static ServeOptions options;
  CLI::App* verb = app.add_subcommand(
      "serve", "Serve a graph on this machine: one runner for each model, and the gateway");
  verb->group("Serving");
  CLI::Option* bundle = verb->add_option("bundle", options.bundle,
                                         "A bundle of chorus build: exactly its graph, models and "
                                         "resources; flags given here win")
                            ->type_name("TAG");
  verb->add_option("--port", options.port, "Port of the HTTP API; 0 takes a free one")
      ->capture_default_str()
      ->check(Between(0, 65535));
  verb->add_option("--grpc_port", options.grpc_port, "Port of the gRPC API; 0 takes a free one")
      ->capture_default_str()
      ->check(Between(0, 65535));
  verb->add_option("--host", options.host,
                   "Address to listen on; 0.0.0.0 for all IPv4 addresses of this machine, :: for "
                   "those and its IPv6 ones")
      ->capture_default_str();
  verb->add_option(
          "--graph", options.graph,
          "Graph file (YAML), taken again when it changes; without it the tutorial's graph")
      ->type_name("FILE")
      ->excludes(bundle);
  verb->add_option("--model", options.models,
                   "Model of one of the graph's runners: a tag or a Hugging Face folder; without "
                   "it the runner's "
                   "namesake in the store. May be given for each runner")
      ->type_name("RUNNER=MODEL")
      ->allow_extra_args(false)
      ->excludes(bundle);
  verb->add_option("--threads", options.num_threads,
                   "Compute threads of each runner; without it the runners share the cores as they "
                   "need them")
      ->check(Between(1, 1024));
  const auto pass_on = [verb](const std::string& flag, const std::string& description) {
    return verb->add_option_function<std::string>(
        flag,
        [flag](const std::string& value) {
          options.runner_flags.insert(options.runner_flags.end(), {flag, value});
        },
        description);
  };
  pass_on("--dtype",
          "In what the runners keep weights and multiply them; without it bfloat16, on old CPUs "
          "float32")
      ->check(CLI::IsMember(kDtypes));
  pass_on("--max_sequences", "Sequences in one batch of a runner")->check(Between(1, 65536));
  pass_on("--kv_cache_bytes",
          "Memory the KV cache of a runner may use; without it --max_sequences times the model's "
          "context")
      ->check(Between(int64_t{0}, std::numeric_limits<int64_t>::max()));
  pass_on("--target_step_time",
          "Prompts take no more of a runner's step than leaves running texts this long between "
          "tokens")
      ->type_name("TIME")
      ->check([](const std::string& text) {
        absl::Duration ignored;
        return ParseDuration(text, ignored);
      });
  verb->add_option_function<std::string>(
          "--drain_timeout",
          [](const std::string& text) { (void)ParseDuration(text, options.drain_timeout); },
          "How long calls in progress may take to end after Ctrl-C [30s]")
      ->type_name("TIME")
      ->check([](const std::string& text) {
        absl::Duration ignored;
        return ParseDuration(text, ignored);
      });
  verb->add_flag("--access_log,!--no-access_log", options.access_log,
                 "A line for each call on standard error (the default), or none");
  verb->add_flag("--keep_going", options.keep_going,
                 "Serve the other models where one cannot be loaded; without it that ends all");
  verb->add_flag_function(
      "--reload", [](int64_t) {},
      "As of bentoml serve, and taken for granted: a graph file is read again whenever it changes");
  verb->footer(
      "\nExamples:\n"
      "  chorus serve\n"
      "  chorus serve --port 8080 --host 0.0.0.0\n"
      "  chorus serve inference_graph:latest\n"
      "  chorus serve --model gpt2-generation=./my-gpt2\n"
      "\nCtrl-C drains and stops; a second Ctrl-C stops at once.");
  verb->callback([&exit_status] { exit_status = Report(Serve(options)); });
}

// The parameters of the API, as flags.
void AddSampling(CLI::App& verb, v1::GenerationParams& params) {
  using Params = v1::GenerationParams;
  const auto add = [&]<typename T>(const char* flag, void (Params::*set)(T), const char* text) {
    return verb.add_option_function<T>(
        flag, [&params, set](const T& value) { (params.*set)(value); }, text);
  };
  const auto add_flag = [&](const char* flags, void (Params::*set)(bool), const char* text) {
    verb.add_flag_function(
        flags, [&params, set](int64_t count) { (params.*set)(count > 0); }, text);
  };
  add("--max_length", &Params::set_max_length, "Most tokens, prompt included [128]")
      ->check(Between(1u, 1u << 20));
  add("--max_new_tokens", &Params::set_max_new_tokens, "Most new tokens; wins over --max_length")
      ->check(Between(1u, 1u << 20));
  add_flag("--do_sample,!--greedy", &Params::set_do_sample,
           "Sample (the default), or take the likeliest token each time");
  add("--temperature", &Params::set_temperature, "Divides the logits [1]; 0 is greedy")
      ->check(NotNegative);
  add("--top_k", &Params::set_top_k, "Sample among the k likeliest tokens; 0 for all [50]")
      ->check(Between(uint32_t{0}, std::numeric_limits<uint32_t>::max()));
  add("--top_p", &Params::set_top_p,
      "Sample among the likeliest tokens whose probabilities reach this sum [1]")
      ->check(Positive)
      ->check(Between(0.0, 1.0));
  add("--min_p", &Params::set_min_p,
      "Sample among tokens this many times as likely as the likeliest [0]")
      ->check(Between(0.0, 1.0));
  add("--repetition_penalty", &Params::set_repetition_penalty,
      "Above 1, tokens that the text has already become less likely [1]")
      ->check(Positive);
  verb.add_option_function<std::vector<std::string>>(
          "--stop",
          [&params](const std::vector<std::string>& stop) {
            params.mutable_stop()->Assign(stop.begin(), stop.end());
          },
          "Text to end before; may be repeated")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  add("--num_return_sequences", &Params::set_num_return_sequences, "Texts of the prompt [1]")
      ->check(Between(1u, 64u));
  add_flag("--ignore_eos", &Params::set_ignore_eos,
           "Write on past the model's end-of-sequence token");
  add_flag("--split_special_tokens", &Params::set_split_special_tokens,
           "Read special tokens that the text spells out as the characters they are");
  add("--seed", &Params::set_seed, "Same seed, same text")
      ->check(Between(uint64_t{0}, std::numeric_limits<uint64_t>::max()));
}

void AddRun(CLI::App& app, int& exit_status) {
  static RunOptions options;
  static std::string output = "text";
  CLI::App* verb =
      app.add_subcommand("run", "Ask one model for one answer, or, on a terminal, for one a line");
  verb->group("Serving");
  verb->add_option("model", options.model, "Tag (see chorus models list), or a folder: ./my-gpt2")
      ->required()
      ->type_name("MODEL");
  verb->add_option_function<std::string>(
          "text", [](const std::string& text) { options.text = text; },
          "Prompt, or text to classify; - reads standard input. Without it, on a terminal, each "
          "line you type is one")
      ->type_name("TEXT");
  AddSampling(*verb, options.answer.params);
  verb->add_option("-o,--output", output, "text, or json: an object a line, as of the API")
      ->capture_default_str()
      ->check(Quiet(CLI::IsMember({"text", "json"})));
  verb->add_option("--dtype", options.dtype, "In what the weights are kept and multiplied")
      ->capture_default_str()
      ->check(CLI::IsMember(kDtypes));
  verb->add_option("--threads", options.num_threads, "Compute threads; without it one a core")
      ->check(Between(1, 1024));
  verb->add_flag("--verbose", options.verbose, "Show the runner's log");
  verb->footer(
      "\nExamples:\n"
      "  chorus run gpt2-generation \"I have an idea!\"\n"
      "  chorus run gpt2-generation:demo \"It was\" --greedy --max_new_tokens 20\n"
      "  chorus run bert-base-uncased-classification \"a charming and often affecting journey\"\n"
      "  echo \"It was\" | chorus run ./my-gpt2 - --seed 7\n"
      "  chorus run gpt2-generation        # Ctrl-C ends a text, Ctrl-D all of it.");
  verb->callback([&exit_status] {
    if (!options.text && ::isatty(STDIN_FILENO) == 0) throw CLI::RequiredError("text");
    options.answer.json = output == "json";
    exit_status = Report(Run(options));
  });
}

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
  AddServe(app, exit_status);
  AddRun(app, exit_status);
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
