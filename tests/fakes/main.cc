// fake_runner: a scripted runner as a process of its own; see fake_runner.h.

#include <signal.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/replace_file.h"
#include "base/signals.h"
#include "tests/fakes/fake_runner.h"

namespace {

// The code of that name, such as "UNAVAILABLE".
absl::StatusCode ParseCode(const std::string& name) {
  for (int code = 0; code <= 16; ++code) {
    if (absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) == name) {
      return static_cast<absl::StatusCode>(code);
    }
  }
  throw CLI::ValidationError("--fail_code", "no such code: " + name);
}

}  // namespace

int main(int argc, char** argv) {
  chorus::FakeRunner::Options options;
  std::string ports_file, delay = "0s", fail_code = "OK", fail_message = "scripted";
  int repeat = 1;
  CLI::App app("A runner without a model: answers chorus.runner.v1 by a script.");
  app.add_option("--address", options.address, "host:port (0 takes a free one) or unix:/path");
  app.add_option("--ports_file", ports_file, "Written once listening: the line grpc=ADDRESS");
  app.add_option("--tokens", options.script.tokens, "Texts that every generation streams");
  app.add_option("--repeat_tokens", repeat, "How often it streams them")
      ->check(CLI::Range(0, 1000000));
  app.add_option("--token_delay", delay, "Wait before each token and each classification: 10ms");
  app.add_option_function<std::string>(
         "--task",
         [&](const std::string& name) {
           options.script.task = name == "classify" ? chorus::runner::v1::TASK_CLASSIFY
                                                    : chorus::runner::v1::TASK_GENERATE;
         },
         "What it says that its model does: generate or classify")
      ->check(CLI::IsMember({"generate", "classify"}));
  app.add_option("--max_active", options.script.max_active,
                 "Generations served at once, so that it has a capacity; 0: no bound");
  app.add_option("--max_waiting", options.script.max_waiting,
                 "Of the others; those after them get RESOURCE_EXHAUSTED");
  app.add_option("--fail_code", fail_code, "Status that ends every call, such as UNAVAILABLE");
  app.add_option("--fail_message", fail_message, "Its message");
  app.add_option("--labels", options.script.labels, "The classifier's labels");
  app.add_option("--scores", options.script.scores, "Of every text, one for a label");
  app.add_flag(
      "--not_serving", [&](int64_t) { options.serving = false; }, "Report NOT_SERVING");
  try {
    app.parse(argc, argv);
    if (!absl::ParseDuration(delay, &options.script.token_delay)) {
      throw CLI::ValidationError("--token_delay", "not a duration: " + delay);
    }
    options.script.error = absl::Status(ParseCode(fail_code), fail_message);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  const std::vector<std::string> once = options.script.tokens;
  options.script.tokens.clear();
  for (int i = 0; i < repeat; ++i) {
    options.script.tokens.insert(options.script.tokens.end(), once.begin(), once.end());
  }

  // Before any thread is started, so that all inherit it.
  const sigset_t signals = chorus::BlockSignals({SIGINT, SIGTERM});

  auto runner = chorus::FakeRunner::Start(std::move(options));
  if (!runner.ok()) {
    std::cerr << "fake_runner: " << runner.status().message() << "\n";
    return 1;
  }
  std::cout << "grpc=" << (*runner)->address() << std::endl;
  if (!ports_file.empty() &&
      !chorus::ReplaceFile(ports_file, "grpc=" + (*runner)->address() + "\n").ok()) {
    std::cerr << "fake_runner: cannot write " << ports_file << "\n";
    return 1;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  (*runner)->Shutdown();
  return 0;
}
