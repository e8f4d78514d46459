// The verbs on graphs and models, by the program itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/cli/command/command_fixture.h"
#include "tests/cli/loopback_server.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

TEST_F(CommandTest, ServesUntilCtrlC) {
  Program serve = Serve();
  const std::string ready = serve.out().WaitFor("ready");
  EXPECT_THAT(ready, StartsWith("Chorus is ready: HTTP http://127.0.0.1:"));
  const size_t comma = ready.find(", gRPC 127.0.0.1:");
  ASSERT_NE(comma, std::string::npos);
  const std::string http = ready.substr(22, comma - 22);
  EXPECT_EQ(serve.out().Next(), "Try:  curl -X POST " + http +
                                    "/classify_generated_texts -H 'Content-Type: text/plain' -d 'I "
                                    "have an idea!'");
  serve.Signal(SIGINT);
  const std::string log = serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0) << log;
  const size_t gateway = log.find("[api_server] drained");
  ASSERT_NE(gateway, std::string::npos) << log;
  for (const char* runner :
       {"gpt2-generation", "distilgpt2-generation", "bert-base-uncased-classification"}) {
    const std::string prefix = "\n[" + std::string(runner) + "] ";
    EXPECT_THAT(log,
                AllOf(HasSubstr(prefix + "--version=demo"), HasSubstr(prefix + "--name=" + runner),
                      HasSubstr(prefix + "--metrics_address=\n"),
                      HasSubstr(prefix + "--drain_timeout=30s"), HasSubstr(prefix + "serving")));
    EXPECT_GT(log.find(prefix + "drained"), gateway);
  }
}

TEST_F(CommandTest, RunsOtherModelsAndGraphs) {
  PutFile(temp_ / "graph.yaml", "name: other\nnodes: [{name: a, generate: {runner: mine}}]\n");
  Program serve =
      Serve({"--graph", (temp_ / "graph.yaml").native(), "--model",
             "mine=" + fs::absolute("models/demo/gpt2").native(), "--threads", "3", "--dtype",
             "int8", "--max_sequences", "5", "--kv_cache_bytes", "9000000", "--gpu_memory_fraction",
             "0.5", "--target_step_time", "20ms", "--drain_timeout", "1m"});
  EXPECT_THAT(
      serve.out().WaitFor("curl"),
      HasSubstr("/v1/graphs/other:run -H 'Content-Type: application/json' -d '{\"text\": "));
  serve.Signal(SIGTERM);
  const std::string log = serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0);
  EXPECT_THAT(log, AllOf(HasSubstr("[mine] --model=" + fs::canonical("models/demo/gpt2").native()),
                         HasSubstr("[mine] --version=\n"), HasSubstr("[mine] --threads=3"),
                         HasSubstr("[mine] --dtype=int8"), HasSubstr("[mine] --max_sequences=5"),
                         HasSubstr("[mine] --kv_cache_bytes=9000000"),
                         HasSubstr("[mine] --gpu_memory_fraction=0.5"),
                         HasSubstr("[mine] --target_step_time=20ms"),
                         HasSubstr("[mine] --drain_timeout=1m")));
}

TEST_F(CommandTest, GivesEachModelItsDtype) {
  Program serve =
      Serve({"--also", "other=" + fs::absolute("models/demo/gpt2").native(), "--dtype", "int8",
             "--dtype", "other=float32", "--dtype", "gpt2-generation=bfloat16"});
  serve.out().WaitFor("ready");
  serve.Signal(SIGTERM);
  const std::string log = serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0);
  EXPECT_THAT(log, AllOf(HasSubstr("[other] --dtype=float32"),
                         HasSubstr("[gpt2-generation] --dtype=bfloat16"),
                         HasSubstr("[distilgpt2-generation] --dtype=int8")));
}

TEST_F(CommandTest, RestartsAKilledRunnerAndAKilledGateway) {
  Program serve = Serve();
  std::string api_server, runner;
  for (int i = 0; i < 4; ++i) {
    const std::string line = serve.err().WaitFor("started ");
    (line.find("api_server") != std::string::npos ? api_server : runner) =
        line.substr(line.rfind(' '));
  }
  const std::string ready = serve.out().WaitFor("ready");
  kill(std::atoi(runner.c_str()), SIGKILL);
  EXPECT_THAT(serve.err().WaitFor("was killed"), HasSubstr("starting it again in 500ms"));
  EXPECT_THAT(serve.err().WaitFor("started"), Not(HasSubstr(runner)));
  kill(std::atoi(api_server.c_str()), SIGKILL);
  EXPECT_THAT(serve.err().WaitFor("was killed"), HasSubstr("api_server"));
  EXPECT_EQ(serve.out().WaitFor("ready"), ready);  // Again, and on the same ports.
  serve.Signal(SIGTERM);
  serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0);
}

TEST_F(CommandTest, AHangupReloadsAndStopsNothing) {
  Program serve = Serve();
  serve.out().WaitFor("ready");
  serve.Signal(SIGHUP);
  EXPECT_EQ(serve.err().WaitFor("reloaded"), "[api_server] reloaded");
  serve.Signal(SIGTERM);
  serve.Signal(SIGHUP);  // No second signal to stop by.
  const std::string log = serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0) << log;
  EXPECT_THAT(log, AllOf(HasSubstr("[api_server] drained"), Not(HasSubstr("stopping at once"))));
}

TEST_F(CommandTest, AHangupBeforeThereIsAGatewayEndsNothing) {
  Preload("libhangup_on_fsync.so");
  Program serve = Serve();  // The store's first, which copies the demo models.
  EXPECT_THAT(serve.out().WaitFor("ready"), StartsWith("Chorus is ready"));
  serve.Signal(SIGTERM);
  const std::string log = serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0) << log;
  EXPECT_THAT(log, HasSubstr("[api_server] drained"));
}

TEST_F(CommandTest, UnderNohupAHangupDoesNothing) {
  Program serve({"/bin/sh", "-c", "trap '' HUP; exec \"$0\" serve --port 0 --grpc_port 0",
                 (temp_ / "bin/chorus").native()},
                "", environment_);
  serve.out().WaitFor("ready");
  serve.Signal(SIGHUP);
  serve.Signal(SIGTERM);
  const std::string log = serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0) << log;
  EXPECT_THAT(log, AllOf(HasSubstr("[api_server] drained"), Not(HasSubstr("reload"))));
}

TEST_F(CommandTest, KilledItLeavesNobodyAndTheNextRunCleansUp) {
  killed_ = true;
  std::vector<pid_t> children;
  {
    Program serve = Serve();
    for (int i = 0; i < 4; ++i) {
      const std::string line = serve.err().WaitFor("started ");
      children.push_back(std::atoi(line.substr(line.rfind(' ')).c_str()));
    }
    serve.out().WaitFor("ready");
    serve.Signal(SIGKILL);
    EXPECT_EQ(serve.Wait(), -SIGKILL);
  }
  for (const pid_t child : children) {
    int result = 0;
    EXPECT_EQ(waitpid(child, &result, 0), child);
    EXPECT_TRUE(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
  }
  EXPECT_FALSE(fs::is_empty(temp_ / "tmp"));
  EXPECT_EQ(Run({"run", "gpt2-generation", "x"}).status, 0);
  EXPECT_TRUE(fs::is_empty(temp_ / "tmp"));
}

TEST_F(CommandTest, TwoFirstStartsOnAStoreWithoutLocksBothServe) {
  PreloadNoFlock(0);
  Program first = Serve(), second = Serve();
  for (Program* serve : {&first, &second}) {
    EXPECT_THAT(serve->out().WaitFor("ready"), StartsWith("Chorus is ready"));
  }
  for (Program* serve : {&first, &second}) {
    serve->Signal(SIGTERM);
    const std::string log = serve->err().Rest();
    EXPECT_EQ(serve->Wait(), 0) << log;
  }
  for (const char* name : {"gpt2-generation", "distilgpt2-generation", "gpt2-medium-generation",
                           "bert-base-uncased-classification"}) {
    const Result get = Run({"models", "get", name, "--verify"});
    EXPECT_EQ(get.status, 0) << get.err;
  }
  EXPECT_TRUE(fs::is_empty(temp_ / "home/models/.tmp"));
}

TEST_F(CommandTest, SaysWhichPortIsTaken) {
  const LoopbackServer server;
  const std::string port = std::to_string(server.port());
  Result result = Run({"serve", "--port", port, "--grpc_port", "0"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "chorus: another program listens on 127.0.0.1:" + port +
                            "; stop it or choose another port with --port\n");
  result = Run({"serve", "--port", "0", "--grpc_port", port});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr(port), HasSubstr("--grpc_port")));
}

TEST_F(CommandTest, SaysWhatKeepsItFromServing) {
  PutFile(temp_ / "bad.yaml", std::string(kGraph) + "# bad\n");
  fs::create_directory(temp_ / "headless");
  PutFile(temp_ / "headless/config.json", R"({"architectures": ["BertForMaskedLM"]})");
  PutFile(temp_ / "headless/model.safetensors", "unread");
  PutFile(temp_ / "unknown.yaml", "nodes: [{name: a, generate: {runner: gpt9}}]\n");
  const struct {
    std::vector<std::string> arguments;
    std::string message;
  } kCases[] = {
      {{"--graph", (temp_ / "bad.yaml").native()},
       "chorus: api_server cannot start (exited with status 1); it last said: " +
           (temp_ / "bad.yaml").native() + ":1: bad graph\n"},
      {{"--graph", (temp_ / "unknown.yaml").native()},
       "chorus: no model for the graph's runner gpt9: no model gpt9:latest in "},
      {{"--graph", (temp_ / "absent.yaml").native()}, "absent.yaml: No such file or directory"},
      {{"--host", std::string(70, 'x')}, "no such host: \"xxx"},
      {{"--host", "*"}, "--host must be a name or an address, such as localhost, 127.0.0.1 or ::1"},
      {{"--host", "127.0.0.1:80"}, "without a port, which --port and --grpc_port give"},
      {{"--host", ""}, "--host must be a name or an address"},
      {{"--host", "[::2]"}, "is not an address of this machine"},
      {{"--host", "::2"}, "is not an address of this machine"},
      {{"examples"}, "; the folder is written ./examples\n"},
      {{"README.md"}, "; the file is written ./README.md\n"},
      {{"--model", "gpt2-generation"}, "chorus: --model takes RUNNER=MODEL"},
      {{"--model", "gpt9=./x"}, "a runner that there is not: gpt9"},
      {{"--dtype", "gpt2-generatoin=int8"},
       "a runner that there is not: gpt2-generatoin; did you mean gpt2-generation?"},
      {{"--model", "gpt2-generation=./x"}, "no model folder ./x"},
      {{"--model", "gpt2-generation=models/demo/bert-sst2"},
       "generates, but the model of its runner \"gpt2-generation\" is a classifier "
       "(BertForSequenceClassification); --model gpt2-generation=FOLDER names another"},
      {{"--also", "minilm"}, "chorus: --also takes NAME=MODEL"},
      {{"--also", "a/b=./x"}, "--also: a name must match"},
      {{"--also", "gpt2-generation=./x"}, "a runner that there is already: gpt2-generation"},
      {{"--also", "minilm=./x"}, "no model folder ./x"},
      {{"--model", "bert-base-uncased-classification=" + (temp_ / "headless").native()},
       "is an embedder (BertForMaskedLM); --model bert-base-uncased-classification=FOLDER names "
       "another, and --untrained_head SEED gives this one a classification head of random weights"},
      {{"--untrained_head", "7"},
       "chorus: --untrained_head: no classifier of the graph lacks a classification head"},
  };
  for (const auto& c : kCases) {
    Program serve = Serve(c.arguments);
    EXPECT_EQ(serve.out().Rest(), "");
    EXPECT_THAT(serve.err().Rest(), HasSubstr(c.message));
    EXPECT_EQ(serve.Wait(), 1) << c.message;
  }
  fs::remove(temp_ / "bin/runner_server");
  EXPECT_THAT(Run({"serve"}).err, HasSubstr("the program runner_server must lie beside chorus"));
}

TEST_F(CommandTest, ARunnerThatCannotLoadEndsAllAndSaysWhy) {
  fs::copy("models/demo/gpt2", temp_ / "broken-model");
  PutFile(temp_ / "broken-model/broken", "");
  Program serve = Serve({"--model", "gpt2-generation=" + (temp_ / "broken-model").native()});
  EXPECT_EQ(serve.out().Rest(), "");
  EXPECT_THAT(serve.err().Rest(),
              HasSubstr("\nchorus: gpt2-generation cannot start (exited with status 1); it last "
                        "said: cannot load " +
                        (temp_ / "broken-model").native() +
                        ": it is broken; --keep_going serves the other models nevertheless\n"));
  EXPECT_EQ(serve.Wait(), 1);
}

TEST_F(CommandTest, AStoredModelThatIsDamagedEndsAllBeforeTheyStart) {
  ASSERT_EQ(Run({"models", "list"}).status, 0);
  const fs::path file = temp_ / "home/models/gpt2-generation/demo/merges.txt";
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
  PutFile(file, "changed");
  const Result result = Run({"serve", "--port", "0", "--grpc_port", "0"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err,
            "chorus: gpt2-generation:demo is damaged: merges.txt has changed; --keep_going serves "
            "the other models nevertheless\n");
  Program serve = Serve({"--keep_going"});
  EXPECT_THAT(serve.err().Next(),
              HasSubstr("merges.txt has changed; the others go on without gpt2-generation"));
  EXPECT_TRUE(serve.err().WaitForAll({"[distilgpt2-generation] serving", "started api_server"}));
  serve.Signal(SIGTERM);
  const std::string log = serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0) << log;
  EXPECT_THAT(serve.err().all(), Not(HasSubstr("started gpt2-generation")));
}

TEST_F(CommandTest, WithKeepGoingTheOthersServeBesideARunnerThatCannotLoad) {
  fs::copy("models/demo/gpt2", temp_ / "broken-model");
  PutFile(temp_ / "broken-model/broken", "");
  Program serve =
      Serve({"--keep_going", "--model", "gpt2-generation=" + (temp_ / "broken-model").native()});
  EXPECT_THAT(serve.err().WaitFor("cannot start"),
              AllOf(HasSubstr("chorus: gpt2-generation cannot start, after 3 tries"),
                    HasSubstr("broken-model: it is broken; the others go on")));
  serve.Signal(SIGTERM);
  EXPECT_THAT(serve.err().Rest(), HasSubstr("[distilgpt2-generation] drained"));
  EXPECT_EQ(serve.Wait(), 0);
}

TEST_F(CommandTest, WithKeepGoingAModelThatIsThereButCannotBeServedIsSetAside) {
  fs::copy("models/demo/gpt2", temp_ / "no-weights");
  fs::remove(temp_ / "no-weights/model.safetensors");
  fs::copy("models/demo/gpt2", temp_ / "bad-config");
  fs::permissions(temp_ / "bad-config/config.json", fs::perms::owner_write, fs::perm_options::add);
  PutFile(temp_ / "bad-config/config.json", "{");
  fs::create_directory(temp_ / "empty");
  const fs::path stored = temp_ / "home/models/gpt2-generation/no-manifest";
  fs::create_directories(stored);
  const std::pair<std::string, fs::path> kCases[] = {
      {temp_ / "no-weights", temp_ / "no-weights"},
      {temp_ / "bad-config", temp_ / "bad-config"},
      {temp_ / "empty", temp_ / "empty"},
      {"gpt2-generation:no-manifest", stored},
  };
  for (const auto& [named, folder] : kCases) {
    const std::string model = "gpt2-generation=" + named;
    const Result result = Run({"serve", "--port", "0", "--grpc_port", "0", "--model", model});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("; --keep_going serves the other models nevertheless\n"));
    Program serve = Serve({"--keep_going", "--model", model});
    EXPECT_THAT(serve.err().Next(), AllOf(HasSubstr(folder.native()),
                                          HasSubstr("; the others go on without gpt2-generation")));
    EXPECT_TRUE(serve.err().WaitForAll({"[distilgpt2-generation] serving", "started api_server"}));
    serve.Signal(SIGTERM);
    const std::string log = serve.err().Rest();
    EXPECT_EQ(serve.Wait(), 0) << log;
    EXPECT_THAT(serve.err().all(), Not(HasSubstr("started gpt2-generation")));
  }
}

TEST_F(CommandTest, WithKeepGoingAMistypedModelEndsAllNevertheless) {
  for (const char* model : {"./absent", "./README.md", "gpt2-genration", "models"}) {
    const Result result = Run({"serve", "--keep_going", "--port", "0", "--grpc_port", "0",
                               "--model", "gpt2-generation=" + std::string(model)});
    EXPECT_EQ(result.status, 1) << model;
    EXPECT_THAT(result.err, HasSubstr("; --model gpt2-generation=FOLDER names one\n"));
  }
}

TEST_F(CommandTest, RunStreamsAText) {
  const Result result =
      Run({"run", "gpt2-generation", "Once", "--greedy", "--max_new_tokens", "4", "--temperature",
           "0.5", "--top_k", "3", "--top_p", "0.5", "--seed", "7"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "Once max 128/4 greedy t=0.5 k=3 p=0.5 seed=7\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(CommandTest, RunTakesTheLargestSeed) {
  const Result result = Run({"run", "gpt2-generation", "", "--seed", "18446744073709551615"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(" seed=18446744073709551615\n"));
}

TEST_F(CommandTest, RunTakesAllParametersOfTheApiInEitherSpelling) {
  for (const char* separator : {"_", "-"}) {
    const auto flag = [&](std::string name) {
      return "--" + absl::StrReplaceAll(name, {{"_", separator}});
    };
    const Result result = Run({"run",
                               "gpt2-generation",
                               "",
                               flag("max_length"),
                               "9",
                               flag("max_new_tokens"),
                               "4",
                               flag("do_sample"),
                               "--temperature",
                               "2",
                               flag("top_k"),
                               "3",
                               flag("top_p"),
                               "0.5",
                               flag("min_p"),
                               "0.25",
                               flag("repetition_penalty"),
                               "1.5",
                               "--stop",
                               "--a_b",
                               "--stop",
                               "c",
                               flag("num_return_sequences"),
                               "2",
                               flag("ignore_eos"),
                               flag("split_special_tokens"),
                               "--seed",
                               "7",
                               "-o",
                               "json"});
    EXPECT_EQ(result.status, 0) << result.err;
    const auto reply = nlohmann::json::parse(result.out);
    EXPECT_EQ(reply["generated"],
              " max 9/4 sampled t=2 k=3 p=0.5 m=0.25 r=1.5 stop=--a_b stop=c ignore_eos split "
              "seed=7");
    EXPECT_EQ(reply["others"].size(), 1u);
  }
}

// A `chorus run` whose standard streams are a terminal, and what the terminal shows.
class TerminalTest : public CommandTest {
 protected:
  ~TerminalTest() override {
    if (pid_ > 0) kill(pid_, SIGKILL);
  }

  void StartRun(const std::string& model) {
    environment_["CHORUS_HOME"] = temp_ / "home";
    pid_ = forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      for (const auto& [name, value] : environment_) setenv(name.c_str(), value.c_str(), 1);
      execl((temp_ / "bin/chorus").c_str(), "chorus", "run", model.c_str(), nullptr);
      _exit(127);
    }
    shown_.emplace(terminal_);
  }
  void Type(std::string_view keys) {
    EXPECT_EQ(write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // Reads on until the terminal shows `text`.
  void WaitFor(const std::string& text) { EXPECT_TRUE(shown_->WaitForText(text)) << text; }
  int Wait() {
    int result = 0;
    waitpid(std::exchange(pid_, -1), &result, 0);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -WTERMSIG(result);
  }

  int terminal_ = -1;
  pid_t pid_ = -1;
  std::optional<LineReader> shown_;
};

TEST_F(TerminalTest, RunAsksForLineAfterLineUntilTheEnd) {
  StartRun("bert-base-uncased-classification");
  WaitFor("> ");
  Type("good\n");
  WaitFor("POSITIVE 0.8750\r\n> ");
  Type("\nbad\n");  // An empty line asks nothing.
  WaitFor("NEGATIVE 0.7500\r\n> ");
  Type("\x04");  // Ctrl-D.
  EXPECT_EQ(Wait(), 0);
}

TEST_F(TerminalTest, RunSaysWhatWentWrongAndAsksOn) {
  StartRun("gpt2-generation");
  WaitFor("> ");
  Type("refuse\n");
  WaitFor("chorus: refused: refuse\r\n> ");
  Type("Once\n");
  WaitFor("Once max 128/0");
  WaitFor("> ");
  Type("\x04");
  EXPECT_EQ(Wait(), 0);
}

TEST_F(TerminalTest, CtrlCEndsTheTextAndThenAll) {
  StartRun("gpt2-generation");
  WaitFor("> ");
  Type("hang\n");
  WaitFor("hang on");
  Type("\x03");  // Ctrl-C.
  WaitFor("> ");
  Type("\x03");
  EXPECT_EQ(Wait(), 128 + SIGINT);
}

TEST_F(CommandTest, WrongVerbsAreAnsweredWithTheNearOne) {
  const struct {
    std::vector<std::string> arguments;
    std::string message;
  } kCases[] = {
      {{"srve"},
       "chorus: there is no verb \"srve\"; did you mean serve?\n"
       "chorus --help says how it is used\n"},
      {{"pull", "x"},
       "chorus: there is no verb \"pull\"; did you mean models pull?\n"
       "chorus --help says how it is used\n"},
      {{"model", "list"},
       "chorus: there is no verb \"model\"; did you mean models?\n"
       "chorus --help says how it is used\n"},
      {{"models", "lst"},
       "chorus: there is no verb \"models lst\"; did you mean models list?\n"
       "chorus models --help says how it is used\n"},
      {{"serve", "--prot", "1"},
       "chorus: there is no flag --prot; did you mean --port?\n"
       "chorus serve --help says how it is used\n"},
  };
  for (const auto& c : kCases) {
    const Result result = Run(c.arguments);
    EXPECT_EQ(result.status, 2);
    EXPECT_EQ(result.err, c.message);
  }
}

TEST_F(CommandTest, ServeTakesReloadForGranted) {
  Program serve = Serve({"--reload"});
  serve.out().WaitFor("ready");
  serve.Signal(SIGTERM);
  serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0);
  EXPECT_THAT(Run({"serve", "--help"}).out, HasSubstr("--reload"));
}

// What a shell proposes for the words, of which the last is being written.
class CompletionTest : public CommandTest {
 protected:
  std::vector<std::string> Propose(const std::vector<std::string>& words) {
    const std::string script = Run({"completion", "bash"}).out;
    PutFile(temp_ / "complete.sh", script +
                                       "COMP_WORDS=(\"$@\")\nCOMP_CWORD=$(($# - 1))\n_chorus\n"
                                       "printf '%s\\n' \"${COMPREPLY[@]}\"\n");
    std::vector<std::string> argv = {"/bin/bash", (temp_ / "complete.sh").native(), "chorus"};
    argv.insert(argv.end(), words.begin(), words.end());
    Program bash(argv, "", environment_);
    const std::string out = bash.out().Rest();
    EXPECT_EQ(bash.err().Rest(), "");
    bash.Wait();
    return absl::StrSplit(out, '\n', absl::SkipEmpty());
  }
};

TEST_F(CompletionTest, ProposesVerbsAndFlags) {
  EXPECT_THAT(Propose({"ser"}), ElementsAre("serve"));
  EXPECT_THAT(Propose({"models", ""}),
              UnorderedElementsAre("list", "get", "pull", "import", "export", "copy", "label",
                                   "verify", "delete", "restore"));
  EXPECT_THAT(Propose({"models", "p"}), ElementsAre("pull"));
  EXPECT_THAT(Propose({"help", "mod"}), ElementsAre("models"));
  EXPECT_THAT(Propose({"help", "models", "li"}), ElementsAre("list"));
  EXPECT_THAT(Propose({"run", "--max_"}), UnorderedElementsAre("--max_length", "--max_new_tokens"));
  EXPECT_THAT(Propose({"run", "models", "--greedy", "--see"}), ElementsAre("--seed"));
  EXPECT_THAT(Propose({"models", "pull", "--sha"}), ElementsAre("--sha256"));
  EXPECT_THAT(Propose({"models", "list", "--a"}), ElementsAre("--architecture"));
  EXPECT_THAT(Propose({"models", "import", "x", "--l"}),
              UnorderedElementsAre("--label", "--licence"));
  EXPECT_THAT(Propose({"--ver"}), ElementsAre("--version"));
  EXPECT_THAT(Propose({"serve", ""}), IsEmpty());  // Then bash proposes files.
}

TEST_F(CompletionTest, ZshReadsItsScript) {
  PutFile(temp_ / "script.zsh", "autoload -U compinit && compinit -D -u\n" +
                                    Run({"completion", "zsh"}).out +
                                    "print -r -- ${_comps[chorus]}\n");
  Program zsh({"/usr/bin/env", "zsh", "-f", (temp_ / "script.zsh").native()}, "", environment_);
  EXPECT_EQ(zsh.out().Rest(), "_bash_complete -o default -F _chorus\n");
  EXPECT_EQ(zsh.err().Rest(), "");
  EXPECT_EQ(zsh.Wait(), 0);
}

TEST_F(CommandTest, RunTakesTagsFoldersAndStandardInput) {
  const struct {
    std::string model;
    std::string text;
    std::string input;
    std::string output;
  } kCases[] = {
      {"gpt2-generation:demo", "Once", "", "Once max"},
      {"gpt2-generation:latest", "-", "a\nb\r\n", "a\nb max"},
      {"gpt2-generation:latest", "-", "a\n\n", "a\n max"},
      {"gpt2-generation:latest", "-", "Twice\n", "Twice max"},
      {fs::absolute("models/demo/gpt2").native(), "Once", "", "Once max"},
      {"./models/demo/bert-sst2", "good", "", "POSITIVE 0.8750\n"},
      {"bert-base-uncased-classification", "bad", "", "NEGATIVE 0.7500\n"},
  };
  for (const auto& c : kCases) {
    const Result result = Run({"run", c.model, c.text}, c.input);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, StartsWith(c.output));
  }
}

TEST_F(CommandTest, RunShowsTheRunnersLogWhenAsked) {
  const Result result = Run({"run", "gpt2-generation", "Once", "--verbose", "--threads", "2"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, AllOf(HasSubstr("[runner] --threads=2"), HasSubstr("[runner] serving")));
}

TEST_F(CommandTest, RunSaysWhatWentWrong) {
  fs::copy("models/demo/gpt2", temp_ / "model");
  PutFile(temp_ / "model/broken", "");
  const struct {
    std::vector<std::string> arguments;
    int status;
    std::string message;
  } kCases[] = {
      {{"run", "gpt9", "x"}, 1, "chorus: no model gpt9:latest"},
      {{"run", "gpt2-genration", "x"}, 1, "; did you mean gpt2-generation?\n"},
      {{"run", "./gpt9", "x"}, 1, "chorus: no model folder ./gpt9"},
      {{"run", "models", "x"}, 1, "the folder is written ./models"},
      {{"run", "gpt2-generation", "refuse"}, 1, "chorus: refused: refuse\n"},
      {{"run", "gpt2-generation", "a\xFF"}, 1, "chorus: the text is not UTF-8, at byte 1\n"},
      {{"run", "bert-base-uncased-classification", "x", "--seed", "1"}, 1, "is a classifier"},
      {{"run", (temp_ / "model").native(), "x"},
       1,
       "chorus: the runner exited with status 1; it last said: cannot load "},
      {{"run", "gpt2-generation"}, 2, "text is required"},
      {{"run", "gpt2-generation", "x", "--temperature", "-1"},
       2,
       "--temperature: must be 0 or greater: -1"},
      {{"run", "gpt2-generation", "x", "--top_p", "1.5"}, 2, "--top_p"},
      {{"run", "gpt2-generation", "x", "--top_k", "-1"},
       2,
       "--top_k: Value -1 not in range 0 to 4294967295\n"},
      {{"run", "gpt2-generation", "x", "--seed", "-1"},
       2,
       "--seed: Value -1 not in range 0 to 18446744073709551615\n"},
      {{"run", "gpt2-generation", "x", "--seed", "99999999999999999999"},
       2,
       "--seed: Value 99999999999999999999 not in range 0 to 18446744073709551615\n"},
      {{"run", "gpt2-generation", "x", "--max_length", "-18446744073709551615"},
       2,
       "not in range 1 to 1048576\n"},
      {{"serve", "--kv_cache_bytes", "9223372036854775808"},
       2,
       "--kv_cache_bytes: Value 9223372036854775808 not in range 0 to 9223372036854775807\n"},
      {{"run", "gpt2-generation", "x", "--min_p", "2"}, 2, "--min_p"},
      {{"run", "gpt2-generation", "x", "--colour", "red"}, 2, "there is no flag --colour"},
      {{"run", "gpt2-generation", "x", "--temprature", "1"}, 2, "did you mean --temperature?"},
  };
  for (const auto& c : kCases) {
    const Result result = Run(c.arguments);
    EXPECT_EQ(result.status, c.status) << c.message;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(StartsWith("chorus: "), HasSubstr(c.message)));
  }
}

TEST_F(CommandTest, CtrlCEndsARun) {
  Program run = Start({"run", "gpt2-generation", "hang"});
  char text[7];
  for (char& c : text) ASSERT_EQ(read(run.out_fd(), &c, 1), 1);
  EXPECT_EQ(std::string(text, 7), "hang on");
  run.Signal(SIGINT);
  EXPECT_EQ(run.Wait(), 128 + SIGINT);
}

TEST_F(CommandTest, ListsAndGetsModels) {
  const Result table = Run({"models", "list"});
  EXPECT_EQ(table.status, 0);
  EXPECT_EQ(table.err, "");
  EXPECT_THAT(table.out, AllOf(StartsWith("TAG  "), HasSubstr("\ngpt2-medium-generation:demo ")));
  const auto list = nlohmann::json::parse(Run({"models", "list", "-o", "json"}).out);
  ASSERT_THAT(list, SizeIs(4));
  EXPECT_EQ(list[0]["tag"], "bert-base-uncased-classification:demo");

  const Result text = Run({"models", "get", "gpt2-generation", "--verify"});
  EXPECT_THAT(text.out, AllOf(HasSubstr("gpt2-generation:demo"), HasSubstr("model.safetensors")));
  EXPECT_EQ(
      nlohmann::json::parse(Run({"models", "get", "gpt2-generation", "-o", "json"}).out)["version"],
      "demo");
  const std::string path = Run({"models", "get", "gpt2-generation:demo", "-o", "path"}).out;
  EXPECT_EQ(path, (temp_ / "home/models/gpt2-generation/demo").native() + "\n");

  PutFile(path.substr(0, path.size() - 1) + "/merges.txt", "changed");
  const Result damaged = Run({"models", "get", "gpt2-generation", "--verify"});
  EXPECT_EQ(damaged.status, 1);
  EXPECT_EQ(damaged.err, "chorus: gpt2-generation:demo is damaged: merges.txt has changed\n");
  EXPECT_EQ(Run({"models", "get", "gpt9"}).status, 1);
}

TEST_F(CommandTest, DeletesModelsThatNoBundleNeeds) {
  const fs::path demo = temp_ / "home/models/gpt2-generation/demo";
  const fs::path mine = temp_ / "home/models/gpt2-generation/mine";
  ASSERT_EQ(Run({"models", "list"}).status, 0);
  fs::copy(demo, mine);
  Result result = Run({"models", "delete", "gpt2-generation:mine"}, "n\n");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "Delete the model gpt2-generation:mine? [y/N] ");
  EXPECT_EQ(result.out, "Not deleted\n");
  EXPECT_TRUE(fs::exists(mine));
  EXPECT_EQ(Run({"models", "delete", "gpt2-generation:mine"}, "y\n").out,
            "Deleted gpt2-generation:mine\n");
  EXPECT_FALSE(fs::exists(mine));
  result = Run({"models", "delete", "gpt2-generation:mine", "-y"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("no model gpt2-generation:mine"));
}

TEST_F(CommandTest, ADeletedDemoModelComesBackOnlyWhenItIsRestored) {
  ASSERT_EQ(Run({"models", "delete", "gpt2-generation:demo", "-y"}).status, 0);
  EXPECT_THAT(Run({"models", "list"}).out, Not(HasSubstr("\ngpt2-generation:demo")));
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"serve", "--port", "0", "--grpc_port", "0"},
        std::vector<std::string>{"run", "gpt2-generation", "x"}}) {
    const Result result = Run(command);
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("no model gpt2-generation:latest"),
                      HasSubstr("\"chorus models restore\" brings deleted demo models back")));
  }
  EXPECT_EQ(Run({"models", "restore"}).out, "Restored gpt2-generation:demo\n");
  EXPECT_EQ(Run({"models", "restore"}).out, "Nothing to restore: all demo models are there\n");
  EXPECT_EQ(Run({"run", "gpt2-generation", "x"}).status, 0);
}

TEST_F(CommandTest, HelpsAndTellsItsVersion) {
  const Result help = Run({"help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("serve"), HasSubstr("run"), HasSubstr("models"),
                              HasSubstr("\nBundles:\n  build "), HasSubstr("Examples:")));
  EXPECT_EQ(Run({}).out, help.out);
  for (const char* verb : {"serve", "run", "models", "build", "list", "get", "delete", "export",
                           "import", "containerize"}) {
    const Result by_verb = Run({"help", verb});
    EXPECT_THAT(by_verb.out, HasSubstr("Usage: chorus " + std::string(verb)));
    EXPECT_EQ(Run({verb, "--help"}).status, 0);
  }
  EXPECT_THAT(Run({"help", "models", "get"}).out, HasSubstr("Usage: chorus models get [OPTIONS]"));
  EXPECT_EQ(Run({"help", "dance"}).status, 2);
  EXPECT_EQ(Run({"dance"}).status, 2);
  const Result group = Run({"models"});
  EXPECT_EQ(group.status, 0);
  EXPECT_EQ(group.out, Run({"help", "models"}).out);
  EXPECT_THAT(group.out, HasSubstr("Usage: chorus models [OPTIONS] SUBCOMMAND"));
  EXPECT_THAT(Run({"--version"}).out, ::testing::MatchesRegex("chorus [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(CommandTest, AStoreThatCannotBeWrittenIsSaidAndTheRestWorks) {
  PutFile(temp_ / "file", "");
  environment_["CHORUS_HOME"] = temp_ / "file";
  const Result list = Run({"models", "list"});
  EXPECT_EQ(list.status, 0);
  EXPECT_THAT(list.err, AllOf(StartsWith("chorus: the demo models are not installed: "),
                              HasSubstr((temp_ / "file").native()), HasSubstr("CHORUS_HOME")));
  EXPECT_EQ(Run({"run", "./models/demo/bert-sst2", "good"}).out, "POSITIVE 0.8750\n");
}

}  // namespace
}  // namespace chorus
