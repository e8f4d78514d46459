// api_server, started by hand before two scripted runners: its configuration files are replaced
// while it serves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/process.h"

namespace chorus {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr seconds kStartPatience(60);
// What a change of a file may take to be seen.
constexpr seconds kReloadPatience(5);

// One generator, on that runner, and the classifier.
std::string GraphYaml(const std::string& name, const std::string& branch,
                      const std::string& runner = "writer") {
  return absl::StrCat("name: ", name, "\nnodes:\n- {name: ", branch,
                      ", generate: {runner: ", runner,
                      "}}\n- {name: s, classify: {runner: scorer, "
                      "inputs: [",
                      branch, "]}}\noutput: s\n");
}

class ReloadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = MakeTempDir();
    std::filesystem::create_directory(dir_ + "/config");
    // A text takes two seconds.
    writer_ = StartRunner("writer",
                          {"--tokens", " a", "--repeat_tokens", "20", "--token_delay", "100ms"});
    scorer_ = StartRunner("scorer", {"--task", "classify"});
  }

  void TearDown() override {
    gateway_.reset();
    writer_.reset();
    scorer_.reset();
    std::filesystem::remove_all(dir_);
  }

  std::unique_ptr<Process> StartRunner(const std::string& name, std::vector<std::string> script) {
    std::vector<std::string> arguments = {CHORUS_BINARY_DIR "/fake_runner", "--address",
                                          "unix:" + dir_ + "/" + name};
    arguments.insert(arguments.end(), script.begin(), script.end());
    return std::make_unique<Process>(arguments, dir_ + "/" + name + ".log");
  }

  std::string GatewayYaml() const {
    return absl::StrCat("runners:\n- {name: writer, endpoints: ['unix:", dir_, "/", writer_socket_,
                        "']}\n- {name: scorer, endpoints: ['unix:", dir_, "/scorer']}\n",
                        more_runners_);
  }

  // The files of the folder that api_server reads, as kubelet puts a ConfigMap's there: links into
  // ..data, itself a link to a folder of this version, which is switched at once.
  void SwitchConfigMap(const std::string& graph_yaml) {
    const std::filesystem::path config = dir_ + "/config";
    const std::string version = absl::StrCat("..version", ++num_versions_);
    std::filesystem::create_directory(config / version);
    std::ofstream(config / version / "gateway.yaml") << GatewayYaml();
    std::ofstream(config / version / "graph.yaml") << graph_yaml;
    std::filesystem::create_directory_symlink(version, config / "..data_tmp");
    std::filesystem::rename(config / "..data_tmp", config / "..data");
    if (num_versions_ > 1) {
      std::filesystem::remove_all(config / absl::StrCat("..version", num_versions_ - 1));
      return;
    }
    for (const char* file : {"gateway.yaml", "graph.yaml"}) {
      std::filesystem::create_symlink(std::string("..data/") + file, config / file);
    }
  }

  void StartGateway() {
    gateway_ = std::make_unique<Process>(
        std::vector<std::string>{CHORUS_BINARY_DIR "/api_server", "--config",
                                 dir_ + "/config/gateway.yaml", "--graph",
                                 dir_ + "/config/graph.yaml", "--http_address", "127.0.0.1:0",
                                 "--grpc_address", "127.0.0.1:0"},
        dir_ + "/gateway.log");
    const std::string line = gateway_->WaitForLine("listening http=", kStartPatience);
    ASSERT_FALSE(line.empty()) << gateway_->Log();
    const size_t begin = line.find("http=") + 5;
    http_ = line.substr(begin, line.find(' ', begin) - begin);
    ASSERT_TRUE(
        Eventually([&] { return Get("/readyz", "%{http_code}") == "\n200"; }, kStartPatience))
        << gateway_->Log();
  }

  // The body, and then what curl is to write: "%{http_code}".
  std::string Get(const std::string& path, const std::string& write = "") const {
    return Shell("curl -s -w '" + write + "' " + http_ + path).out;
  }

  // The lines of a run's stream, which is over after some two seconds.
  std::future<std::string> Stream(const std::string& graph) const {
    return std::async(std::launch::async, [this, graph] {
      return Shell("curl -s -N -H 'Accept: application/x-ndjson' " + http_ + "/v1/graphs/" + graph +
                   ":streamRun --json '{\"text\": \"I\"}'")
          .out;
    });
  }

  // Whether the graph is served, and has that branch.
  bool Serves(const std::string& graph, const std::string& branch) const {
    return Get("/v1/graphs/" + graph).find("\"name\":\"" + branch + "\"") != std::string::npos;
  }

  // Whether calls are at work in the graph.
  bool IsBusy(const std::string& graph) const {
    return Get("/v1/graphs/" + graph).find("\"in_flight\":1") != std::string::npos;
  }

  // The text of a run, or the error; its code is the last line.
  std::string Run(const std::string& graph) const {
    return Shell("curl -s -w '\n%{http_code}' " + http_ + "/v1/graphs/" + graph +
                 ":run --json '{\"text\": \"I\"}'")
        .out;
  }

  bool LastReloadSucceeded() const {
    return Get("/metrics").find("chorus_config_last_reload_successful 1\n") != std::string::npos;
  }

  std::string dir_, http_;
  // Of the gateway's file.
  std::string writer_socket_ = "writer", more_runners_;
  int num_versions_ = 0;
  std::unique_ptr<Process> writer_, scorer_, gateway_;
};

TEST_F(ReloadTest, ASwitchedConfigMapIsServedAndNoCallIsLost) {
  SwitchConfigMap(GraphYaml("first", "old"));
  StartGateway();
  auto call = Stream("first");
  ASSERT_TRUE(Eventually([&] { return IsBusy("first"); }, seconds(10)));

  SwitchConfigMap(GraphYaml("second", "new"));
  EXPECT_TRUE(Eventually([&] { return Serves("second", "new"); }, kReloadPatience))
      << gateway_->Log();
  EXPECT_EQ(Shell("curl -s -o /dev/null -w '%{http_code}' " + http_ +
                  "/v1/graphs/first:run --json '{\"text\": \"I\"}'")
                .out,
            "404");
  EXPECT_THAT(Stream("second").get(),
              AllOf(HasSubstr(R"("branch":"new","score":)"), Not(HasSubstr("error"))));
  const std::string lines = call.get();
  EXPECT_THAT(lines, AllOf(HasSubstr(R"("branch":"old","score":)"),
                           HasSubstr(R"("generated_tokens":20)"), Not(HasSubstr("error"))));
}

TEST_F(ReloadTest, ABadFileLeavesTheGraphUntilAGoodOneComes) {
  SwitchConfigMap(GraphYaml("first", "old"));
  StartGateway();
  EXPECT_THAT(Get("/metrics"), HasSubstr("chorus_config_last_reload_successful 1\n"));

  SwitchConfigMap("name: first\nnodes:\n- {name: a, genrate: {}}\n");
  EXPECT_TRUE(Eventually(
      [&] {
        return Get("/metrics").find("chorus_config_last_reload_successful 0\n") !=
               std::string::npos;
      },
      kReloadPatience))
      << gateway_->Log();
  EXPECT_THAT(gateway_->Log(),
              HasSubstr("graph.yaml:3:13: nodes[0]: there is no field \"genrate\""));
  EXPECT_TRUE(Serves("first", "old"));

  SwitchConfigMap(GraphYaml("first", "new"));
  EXPECT_TRUE(Eventually([&] { return Serves("first", "new"); }, kReloadPatience))
      << gateway_->Log();
  EXPECT_THAT(Get("/metrics"), AllOf(HasSubstr("chorus_config_reloads_total{result=\"error\"} 1\n"),
                                     HasSubstr("chorus_config_reloads_total{result=\"ok\"} 1\n"),
                                     HasSubstr("chorus_config_last_reload_successful 1\n")));
  EXPECT_EQ(gateway_->Count("the configuration is refused"), 1);
}

TEST_F(ReloadTest, FilesThatAreWrittenInPlaceAndRenamedOverAreSeenToo) {
  const std::string config = dir_ + "/config";
  std::ofstream(config + "/gateway.yaml") << GatewayYaml();
  std::ofstream(config + "/graph.yaml") << GraphYaml("first", "old");
  StartGateway();
  std::ofstream(config + "/graph.yaml") << GraphYaml("first", "written");
  EXPECT_TRUE(Eventually([&] { return Serves("first", "written"); }, kReloadPatience))
      << gateway_->Log();
  std::ofstream(config + "/graph.yaml~") << GraphYaml("first", "renamed");
  std::filesystem::rename(config + "/graph.yaml~", config + "/graph.yaml");
  EXPECT_TRUE(Eventually([&] { return Serves("first", "renamed"); }, kReloadPatience))
      << gateway_->Log();
  // The gateway file's own graphs.
  std::ofstream(config + "/gateway.yaml", std::ios::app)
      << "graphs:\n- name: inline\n  nodes:\n  - {name: a, generate: {runner: writer}}\n"
         "  - {name: s, classify: {runner: scorer, inputs: [a]}}\n  output: s\n";
  EXPECT_TRUE(Eventually([&] { return Serves("inline", "a"); }, kReloadPatience))
      << gateway_->Log();
  EXPECT_TRUE(Serves("first", "renamed"));
}

TEST_F(ReloadTest, ASighupReloadsAndDoesNotEndAGatewayThatDrains) {
  SwitchConfigMap(GraphYaml("first", "old"));
  StartGateway();
  gateway_->Signal(SIGHUP);
  EXPECT_NE(gateway_->WaitForLine("reloaded graphs=first", seconds(10)), "") << gateway_->Log();

  auto call = Stream("first");
  ASSERT_TRUE(Eventually([&] { return IsBusy("first"); }, seconds(10)));
  gateway_->Signal(SIGTERM);
  ASSERT_NE(gateway_->WaitForLine("draining", seconds(10)), "") << gateway_->Log();
  gateway_->Signal(SIGHUP);
  EXPECT_THAT(call.get(), HasSubstr(R"("branch":"old","score":)"));
  EXPECT_EQ(gateway_->WaitForExit(seconds(60)), 0) << gateway_->Log();
}

// The new replica starts after the file names it: until then the old one takes the calls, and it
// ends what it has begun.
TEST_F(ReloadTest, ACallIsAnsweredByTheOldReplicaUntilTheNewOneServes) {
  SwitchConfigMap(GraphYaml("first", "old"));
  StartGateway();
  auto call = Stream("first");
  ASSERT_TRUE(Eventually([&] { return IsBusy("first"); }, seconds(10)));
  const auto replace_gateway_file = [&](const std::string& text) {
    std::filesystem::remove(dir_ + "/config/gateway.yaml");
    std::ofstream(dir_ + "/config/gateway.yaml") << text;
  };
  std::string yaml = GatewayYaml();
  yaml.replace(yaml.find("/writer'"), strlen("/writer'"), "/writer2'");
  replace_gateway_file(yaml + "limits: {max_timeout: 60s}\n");
  const std::string awaits = "the runner \"writer\" does not serve yet at unix:" + dir_ +
                             "/writer2; its calls go to unix:" + dir_ + "/writer";
  ASSERT_NE(gateway_->WaitForLine("reloaded graphs=first; " + awaits, seconds(20)), "")
      << gateway_->Log();
  EXPECT_THAT(Stream("first").get(),
              AllOf(HasSubstr(R"("generated_tokens":20)"), Not(HasSubstr("error"))));
  EXPECT_THAT(Get("/metrics"),
              AllOf(HasSubstr("{endpoint=\"unix:" + dir_ + "/writer\",runner=\"writer\"} 1\n"),
                    HasSubstr("{endpoint=\"unix:" + dir_ + "/writer2\",runner=\"writer\"} 0\n"),
                    HasSubstr("chorus_endpoints_awaited{runner=\"writer\"} 1\n"),
                    HasSubstr("chorus_config_waiting 0\n")));
  EXPECT_EQ(Get("/readyz", "%{http_code}"), "\n200");
  EXPECT_NE(gateway_->WaitForLine("not yet as the configuration says: " + awaits, seconds(20)), "")
      << gateway_->Log();

  auto last = Stream("first");
  ASSERT_TRUE(Eventually([&] { return IsBusy("first"); }, seconds(10)));
  const auto writer2 = StartRunner("writer2", {"--tokens", " b"});
  EXPECT_TRUE(Eventually(
      [&] {
        return Get("/v1/graphs/first").find("\"healthy_replicas\":1") != std::string::npos &&
               Shell("curl -s " + http_ + "/v1/graphs/first:run --json '{\"text\": \"I\"}'")
                       .out.find("I b") != std::string::npos;
      },
      seconds(20)))
      << gateway_->Log();
  for (auto* stream : {&call, &last}) {
    EXPECT_THAT(stream->get(),
                AllOf(HasSubstr(R"("generated_tokens":20)"), Not(HasSubstr("error"))));
  }
  EXPECT_TRUE(Eventually(
      [&] { return Get("/metrics").find(dir_ + "/writer\"") == std::string::npos; }, seconds(20)));
  EXPECT_THAT(Get("/metrics"), HasSubstr("chorus_endpoints_awaited{runner=\"writer\"} 0\n"));
  EXPECT_NE(gateway_->WaitForLine("every runner serves where the configuration says", seconds(10)),
            "")
      << gateway_->Log();
}

// What is changed needs a runner that nobody has started. Until one is there all is as it was.
TEST_F(ReloadTest, AGraphIsServedOnceTheRunnersThatItNeedsServe) {
  SwitchConfigMap(GraphYaml("first", "old"));
  StartGateway();
  std::atomic<bool> stop = false;
  auto calls = std::async(std::launch::async, [&] {
    std::string failures;
    while (!stop) {
      const std::string out = Run("first");
      if (!out.ends_with("\n200")) failures += out + "\n";
    }
    return failures;
  });
  more_runners_ = "- {name: later, endpoints: ['unix:" + dir_ + "/later']}\n";
  const std::string waits =
      "the changed configuration waits, and all stays as it is: graph \"first\": node \"new\": no "
      "replica of its runner \"later\" serves";
  SwitchConfigMap(GraphYaml("first", "new", "later"));
  EXPECT_NE(gateway_->WaitForLine(waits, seconds(20)), "") << gateway_->Log();
  EXPECT_TRUE(Serves("first", "old"));
  EXPECT_FALSE(LastReloadSucceeded());
  EXPECT_THAT(Get("/metrics"), HasSubstr("chorus_config_waiting 1\n"));
  EXPECT_EQ(Get("/readyz", "%{http_code}"), "\n200");

  // Taken back, it is waited for no more.
  more_runners_.clear();
  SwitchConfigMap(GraphYaml("first", "old"));
  EXPECT_TRUE(Eventually([&] { return LastReloadSucceeded(); }, kReloadPatience));
  auto later = StartRunner("later", {"--tokens", " b", "--not_serving"});
  more_runners_ = "- {name: later, endpoints: ['unix:" + dir_ + "/later']}\n";
  SwitchConfigMap(GraphYaml("first", "new", "later"));
  EXPECT_TRUE(Eventually([&] { return gateway_->Count(waits) == 2; }, seconds(20)))
      << gateway_->Log();
  EXPECT_TRUE(Serves("first", "old"));

  later.reset();
  later = StartRunner("later", {"--tokens", " b"});
  EXPECT_TRUE(Eventually([&] { return Serves("first", "new"); }, seconds(20))) << gateway_->Log();
  EXPECT_TRUE(LastReloadSucceeded());
  EXPECT_EQ(gateway_->Count("the changed configuration waits"), 2) << gateway_->Log();
  EXPECT_THAT(Run("first"), HasSubstr("I b"));
  stop = true;
  EXPECT_EQ(calls.get(), "");
}

// The graph's file alone names a runner whose model is known to be for something else.
TEST_F(ReloadTest, AGraphIsNotServedWithAModelForAnotherTask) {
  SwitchConfigMap(GraphYaml("first", "old"));
  StartGateway();
  SwitchConfigMap(GraphYaml("first", "new", "scorer"));
  EXPECT_NE(
      gateway_->WaitForLine("all stays as it is: graph \"first\": node \"new\" generates, but "
                            "the model of its runner \"scorer\" is a classifier",
                            seconds(20)),
      "")
      << gateway_->Log();
  EXPECT_FALSE(LastReloadSucceeded());
  EXPECT_TRUE(Run("first").ends_with("\n200"));
  SwitchConfigMap(GraphYaml("first", "newer"));
  EXPECT_TRUE(Eventually([&] { return Serves("first", "newer"); }, kReloadPatience));
  EXPECT_TRUE(LastReloadSucceeded());
}

TEST_F(ReloadTest, AReplicaStaysUntilOneWithAModelForItsTaskServes) {
  SwitchConfigMap(GraphYaml("first", "old"));
  StartGateway();
  const auto wrong = StartRunner("wrong", {"--task", "classify"});
  writer_socket_ = "wrong";
  SwitchConfigMap(GraphYaml("first", "old"));
  EXPECT_NE(gateway_->WaitForLine("the model of a replica of its runner \"writer\" is a classifier "
                                  "(), and gets none of its calls: unix:" +
                                      dir_ + "/wrong",
                                  seconds(20)),
            "")
      << gateway_->Log();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Run("first").ends_with("\n200"));
  EXPECT_EQ(Get("/readyz", "%{http_code}"), "\n200");
  const auto right = StartRunner("right", {"--task", "generate", "--tokens", " b"});
  writer_socket_ = "right";
  SwitchConfigMap(GraphYaml("first", "old"));
  EXPECT_TRUE(
      Eventually([&] { return Run("first").find("I b") != std::string::npos; }, seconds(20)))
      << gateway_->Log();
}

TEST_F(ReloadTest, AnotherSizeOfMessagesIsRefused) {
  SwitchConfigMap(GraphYaml("first", "old"));
  StartGateway();
  std::filesystem::remove(dir_ + "/config/gateway.yaml");
  std::ofstream(dir_ + "/config/gateway.yaml")
      << GatewayYaml() << "limits: {max_body_bytes: 100}\n";
  EXPECT_NE(gateway_->WaitForLine("limits.max_body_bytes is another than at the start, which takes "
                                  "a restart: 100",
                                  kReloadPatience),
            "")
      << gateway_->Log();
  EXPECT_TRUE(Serves("first", "old"));
}

// A pipe's text cannot be had twice, and waiting for it would be forever.
TEST_F(ReloadTest, FilesThatAreNoFilesAreReadOnce) {
  std::ofstream(dir_ + "/config/gateway.yaml") << GatewayYaml();
  Shell("mkfifo " + dir_ + "/config/graph.yaml");
  auto write = std::async(std::launch::async, [&] {
    std::ofstream(dir_ + "/config/graph.yaml") << GraphYaml("first", "old");
  });
  StartGateway();
  gateway_->Signal(SIGHUP);
  EXPECT_NE(gateway_->WaitForLine("no file that can be read again", seconds(10)), "")
      << gateway_->Log();
  EXPECT_TRUE(Serves("first", "old"));
  gateway_->Signal(SIGTERM);
  EXPECT_EQ(gateway_->WaitForExit(seconds(60)), 0) << gateway_->Log();
}

}  // namespace
}  // namespace chorus
