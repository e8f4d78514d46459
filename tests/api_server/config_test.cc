#include "api_server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "config/yaml_proto.h"
#include "tests/base/temp_directory.h"

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<std::optional<Flags>> Parse(std::vector<const char*> args) {
  args.insert(args.begin(), "api_server");
  return ParseFlags(static_cast<int>(args.size()), args.data());
}

TEST(ParseFlags, HasDefaults) {
  const auto flags = Parse({"--config", "gateway.yaml"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ((*flags)->config_file, "gateway.yaml");
  EXPECT_EQ((*flags)->http_address, "127.0.0.1:3000");
  EXPECT_EQ((*flags)->grpc_address, "127.0.0.1:50051");
  EXPECT_TRUE((*flags)->reflection);
  EXPECT_EQ((*flags)->io_threads, 2);
  EXPECT_EQ((*flags)->drain_delay, absl::ZeroDuration());
  EXPECT_EQ((*flags)->drain_timeout, absl::Seconds(30));
  EXPECT_EQ((*flags)->keep_alive_timeout, absl::Seconds(75));
  EXPECT_TRUE((*flags)->access_log);
  EXPECT_EQ((*flags)->ports_file, "");
  EXPECT_EQ((*flags)->grpc.max_age, absl::ZeroDuration());
  EXPECT_EQ((*flags)->grpc.keepalive_time, absl::Seconds(10));
  EXPECT_EQ((*flags)->grpc.keepalive_timeout, absl::Seconds(5));
  EXPECT_EQ((*flags)->grpc.max_concurrent_streams, 0);
  EXPECT_FALSE((*flags)->runner_metrics);
  EXPECT_EQ((*flags)->api_keys_file, "");
  EXPECT_FALSE((*flags)->allow_anonymous);
}

TEST(ParseFlags, OpensAnAddressOfOthersUponAWordAlone) {
  for (const char* address : {"0.0.0.0:0", "[::]:0", "192.168.0.7:3000", "chorus.example:3000"}) {
    for (const char* flag : {"--http_address", "--grpc_address"}) {
      const auto refused = Parse({"--config=c", flag, address});
      EXPECT_THAT(std::string(refused.status().message()),
                  HasSubstr("--api_keys FILE says who may call, --allow_anonymous lets everybody"))
          << address;
      EXPECT_TRUE(Parse({"--config=c", flag, address, "--allow_anonymous"}).ok());
      EXPECT_TRUE(Parse({"--config=c", flag, address, "--api_keys", "k"}).ok());
    }
  }
  for (const char* address : {"127.0.0.1:0", "[::1]:0", "localhost:3000"}) {
    EXPECT_TRUE(Parse({"--config=c", "--http_address", address}).ok()) << address;
  }
}

TEST(ParseFlags, ReadsEveryFlag) {
  const auto flags = Parse({"--config=c",
                            "--graph",
                            "g1",
                            "--graph",
                            "g2",
                            "--http_address",
                            "0.0.0.0:0",
                            "--grpc_address=[::]:1",
                            "--reflection=false",
                            "--io_threads",
                            "3",
                            "--drain_delay",
                            "250ms",
                            "--drain_timeout=1m",
                            "--keep_alive_timeout=0s",
                            "--no-access_log",
                            "--ports_file",
                            "p",
                            "--grpc_max_connection_age=30m",
                            "--grpc_max_connection_age_grace=5m",
                            "--grpc_keepalive_time=20s",
                            "--grpc_keepalive_timeout=4s",
                            "--grpc_max_concurrent_streams=100",
                            "--api_keys=k",
                            "--allow_anonymous",
                            "--allow_origin",
                            "https://a.example",
                            "--allow_origin=*",
                            "--allow_host",
                            "h",
                            "--runner_metrics"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_THAT((*flags)->graph_files, ElementsAre("g1", "g2"));
  EXPECT_EQ((*flags)->http_address, "0.0.0.0:0");
  EXPECT_EQ((*flags)->grpc_address, "[::]:1");
  EXPECT_FALSE((*flags)->reflection);
  EXPECT_EQ((*flags)->io_threads, 3);
  EXPECT_EQ((*flags)->drain_delay, absl::Milliseconds(250));
  EXPECT_EQ((*flags)->drain_timeout, absl::Minutes(1));
  EXPECT_EQ((*flags)->keep_alive_timeout, absl::ZeroDuration());
  EXPECT_FALSE((*flags)->access_log);
  EXPECT_EQ((*flags)->ports_file, "p");
  EXPECT_EQ((*flags)->grpc.max_age, absl::Minutes(30));
  EXPECT_EQ((*flags)->grpc.max_age_grace, absl::Minutes(5));
  EXPECT_EQ((*flags)->grpc.keepalive_time, absl::Seconds(20));
  EXPECT_EQ((*flags)->grpc.keepalive_timeout, absl::Seconds(4));
  EXPECT_EQ((*flags)->grpc.max_concurrent_streams, 100);
  EXPECT_EQ((*flags)->api_keys_file, "k");
  EXPECT_TRUE((*flags)->allow_anonymous);
  EXPECT_THAT((*flags)->allowed_origins, ElementsAre("https://a.example", "*"));
  EXPECT_THAT((*flags)->allowed_hosts, ElementsAre("h"));
  EXPECT_TRUE((*flags)->runner_metrics);
}

TEST(ParseFlags, TakesHyphensForUnderscoresAndBack) {
  const auto flags = Parse({"--config=c", "--io-threads", "3", "--no_reflection"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ((*flags)->io_threads, 3);
  EXPECT_FALSE((*flags)->reflection);
}

TEST(ParseFlags, RefusesWhatIsWrong) {
  struct Case {
    std::vector<const char*> args;
    std::string error;
  };
  for (const Case& c : std::vector<Case>{
           {{}, "--config is required"},
           {{"--config", "c", "--colour"}, "--colour"},
           {{"--config", "c", "--io_thread", "1"},
            "there is no flag --io_thread; did you mean --io_threads?"},
           {{"--config", "c", "extra"}, "extra"},
           {{"--config", "c", "--graph", "g", "extra"}, "extra"},
           {{"--config", "c", "--io_threads", "0"}, "--io_threads"},
           {{"--config", "c", "--http_address", "[::]"}, "--http_address: \"[::]\" has no port"},
           {{"--config", "c", "--http_address", "0.0.0.0:70000"}, "a port from 0 to 65535"},
           {{"--config", "c", "--grpc_address", "localhost"},
            "--grpc_address: \"localhost\" has no port"},
           {{"--config", "c", "--grpc_address", "::1:50051"}, "in brackets"},
           {{"--config", "c", "--keep_alive_timeout", "75"}, "--keep_alive_timeout: must be"},
           {{"--config", "c", "--drain_delay", "5"}, "--drain_delay: must be a duration"},
           {{"--config", "c", "--drain_delay=-1s"}, "--drain_delay: must be a duration"},
           {{"--config", "c", "--drain_timeout", "inf"}, "--drain_timeout: must be a duration"}}) {
    const auto flags = Parse(c.args);
    ASSERT_FALSE(flags.ok()) << c.error;
    EXPECT_EQ(flags.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(flags.status().message()), HasSubstr(c.error));
    EXPECT_THAT(std::string(flags.status().message()), HasSubstr("--help"));
  }
}

TEST(ParseFlags, HelpIsNotAnError) {
  testing::internal::CaptureStdout();
  const auto flags = Parse({"--help"});
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("--drain_timeout"));
  ASSERT_TRUE(flags.ok());
  EXPECT_FALSE(flags->has_value());
}

config::v1::Gateway Gateway(const std::string& yaml) {
  config::v1::Gateway gateway;
  const absl::Status status = ParseYaml(yaml, "gateway.yaml", gateway);
  EXPECT_TRUE(status.ok()) << status;
  return gateway;
}

constexpr char kGateway[] = R"(
runners:
  - {name: gpt2, endpoints: ["localhost:1", "unix:/run/gpt2"]}
  - {name: bert, endpoints: ["localhost:2"]}
graphs:
  - name: inline
    nodes:
      - {name: a, generate: {runner: gpt2}}
      - {name: s, classify: {runner: bert, inputs: [a]}}
    output: s
)";

TEST(MakeConfig, TakesRunnersGraphsAndDefaults) {
  config::v1::Graph graph = Gateway(kGateway).graphs(0);
  graph.set_name("other");
  const auto config = MakeConfig(Gateway(kGateway), {graph});
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->runners.size(), 2u);
  EXPECT_EQ(config->runners[0].name, "gpt2");
  EXPECT_THAT(config->runners[0].endpoints, ElementsAre("localhost:1", "unix:/run/gpt2"));
  ASSERT_EQ(config->graphs.size(), 2u);
  EXPECT_EQ(config->graphs[0]->name(), "inline");
  EXPECT_EQ(config->graphs[1]->name(), "other");
  EXPECT_EQ(config->limits.max_body_bytes, 1u << 20);
  EXPECT_EQ(config->limits.max_timeout, absl::Seconds(300));
  EXPECT_EQ(config->limits.max_concurrent_requests, 1024u);
  EXPECT_EQ(config->limits.max_connections, 10'000u);
}

TEST(MakeConfig, TakesLimits) {
  const auto config =
      MakeConfig(Gateway(std::string(kGateway) + "limits: {max_body_bytes: 10, max_timeout: 1.5s, "
                                                 "max_concurrent_requests: 2, max_connections: 3}"),
                 {});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->limits.max_body_bytes, 10u);
  EXPECT_EQ(config->limits.max_timeout, absl::Milliseconds(1500));
  EXPECT_EQ(config->limits.max_concurrent_requests, 2u);
  EXPECT_EQ(config->limits.max_connections, 3u);
}

TEST(MakeConfig, RefusesWhatIsWrong) {
  struct Case {
    std::string yaml;
    std::string error;
  };
  for (const Case& c : std::vector<Case>{
           {"limits: {}", "runners must name at least one runner"},
           {"runners: [{name: 'a b', endpoints: ['h:1']}]",
            "runner \"a b\": name must match [A-Za-z0-9._-]{1,64}, not dots alone: \"a b\""},
           {"runners: [{name: a, endpoints: ['h:1']}, {name: a, endpoints: ['h:2']}]",
            "runner \"a\": name must be unique"},
           {"runners: [{name: a}]", "runner \"a\": endpoints must name at least one replica"},
           {"runners: [{name: a, endpoints: [h]}]",
            "runner \"a\": endpoint must be host:port, with a port from 1 to 65535, or "
            "unix:/path: \"h\""},
           {std::string(kGateway) + "limits: {max_body_bytes: 0}",
            "limits.max_body_bytes must be from 1 to 1073741824: 0"},
           {std::string(kGateway) + "limits: {max_concurrent_requests: 0}",
            "limits.max_concurrent_requests must be from 1 to 1000000: 0"},
           {std::string(kGateway) + "limits: {max_connections: 2000000}",
            "limits.max_connections must be from 1 to 1000000: 2000000"},
           {std::string(kGateway) + "limits: {max_timeout: 0s}",
            "limits.max_timeout must be greater than 0 and at most 24h: 0"},
           {std::string(kGateway) + "limits: {max_timeout: 25h}",
            "limits.max_timeout must be greater than 0 and at most 24h: 25h"}}) {
    EXPECT_EQ(MakeConfig(Gateway(c.yaml), {}).status(), absl::InvalidArgumentError(c.error));
  }
}

TEST(MakeConfig, GraphNamesAreUniqueOverAllFiles) {
  const config::v1::Gateway gateway = Gateway(kGateway);
  EXPECT_EQ(MakeConfig(gateway, {gateway.graphs(0)}).status(),
            absl::InvalidArgumentError("graph \"inline\": name must be unique"));
}

TEST(MakeConfig, ChecksGraphsAgainstTheRunners) {
  config::v1::Graph graph = Gateway(kGateway).graphs(0);
  graph.set_name("other");
  graph.mutable_nodes(0)->mutable_generate()->set_runner("gpt3");
  EXPECT_EQ(MakeConfig(Gateway(kGateway), {graph}).status(),
            absl::InvalidArgumentError(
                R"(graph "other": node "a": runner must be one of bert, gpt2: "gpt3")"));
}

constexpr char kOtherGraph[] = R"(
name: other
nodes:
  - {name: a, generate: {runner: gpt2}}
  - {name: s, classify: {runner: bert, inputs: [a]}}
output: s
)";

// A gateway file and a graph file, in a folder of their own.
class ConfigFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    PutFile(directory_ / "gateway.yaml", kGateway);
    PutFile(directory_ / "other.yaml", kOtherGraph);
    flags_.config_file = directory_ / "gateway.yaml";
    flags_.graph_files = {directory_ / "other.yaml"};
  }

  std::string Error() const {
    return std::string(ParseConfig(flags_, ReadConfigFiles(flags_)).status().message());
  }

  TempDirectory directory_;
  Flags flags_;
};

TEST_F(ConfigFilesTest, AreReadAndParsed) {
  const ConfigFiles files = ReadConfigFiles(flags_);
  EXPECT_TRUE(files.status.ok()) << files.status;
  EXPECT_THAT(files.texts, ElementsAre(kGateway, kOtherGraph));
  const auto config = ParseConfig(flags_, files);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->graphs.size(), 2u);
  EXPECT_EQ(config->graphs[1]->name(), "other");
}

TEST_F(ConfigFilesTest, DifferWhereOneSaysSomethingElse) {
  const ConfigFiles before = ReadConfigFiles(flags_);
  EXPECT_EQ(ReadConfigFiles(flags_), before);
  std::filesystem::rename(directory_ / "other.yaml", directory_ / "moved.yaml");
  EXPECT_NE(ReadConfigFiles(flags_), before);
  std::filesystem::create_symlink(directory_ / "moved.yaml", directory_ / "other.yaml");
  EXPECT_EQ(ReadConfigFiles(flags_), before);
  PutFile(directory_ / "moved.yaml", std::string(kOtherGraph) + "# more\n");
  EXPECT_NE(ReadConfigFiles(flags_), before);
}

TEST_F(ConfigFilesTest, ErrorsNameFileAndPlace) {
  PutFile(directory_ / "other.yaml", "name: other\nnodes: 3\n");
  EXPECT_THAT(Error(), HasSubstr("other.yaml:2:8: nodes"));
  std::filesystem::remove(directory_ / "gateway.yaml");
  EXPECT_THAT(Error(), HasSubstr("gateway.yaml"));
  EXPECT_EQ(ReadConfigFiles(flags_).status.code(), absl::StatusCode::kNotFound);
}

TEST_F(ConfigFilesTest, AreNotSeenWhileNoDescriptorIsLeftAndSayNothingThen) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const ConfigFiles blind = ReadConfigFiles(flags_);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_FALSE(blind.seen());
  EXPECT_TRUE(ReadConfigFiles(flags_).seen());
}

TEST_F(ConfigFilesTest, CanBeReadAgainUnlessOneIsAPipe) {
  EXPECT_TRUE(CanReadAgain(flags_));
  std::filesystem::remove(directory_ / "other.yaml");
  ASSERT_EQ(mkfifo((directory_ / "other.yaml").c_str(), 0600), 0);
  EXPECT_FALSE(CanReadAgain(flags_));
}

TEST(CheckCanSwitch, TakesAllButTheSizeOfMessages) {
  const std::string gateway = kGateway;
  const std::string runners = gateway.substr(0, gateway.find("graphs:"));
  const auto make = [](const std::string& yaml) { return MakeConfig(Gateway(yaml), {}).value(); };
  const Config running = make(gateway);
  for (const std::string& yaml :
       {gateway, runners, runners + "  - {name: new, endpoints: ['localhost:3']}\n",
        std::string("runners: [{name: bert, endpoints: ['localhost:2']}]\n"),
        runners + "limits: {max_timeout: 1s, max_connections: 1, max_concurrent_requests: 2}"}) {
    EXPECT_EQ(CheckCanSwitch(running, make(yaml)), absl::OkStatus()) << yaml;
  }
  EXPECT_EQ(CheckCanSwitch(running, make(runners + "limits: {max_body_bytes: 7}")),
            absl::FailedPreconditionError("limits.max_body_bytes is another than at the start, "
                                          "which takes a restart: 7"));
}

// The example in the tree, with the runners that `chorus serve` starts.
TEST(MakeConfig, TakesTheTutorialsGraph) {
  config::v1::Gateway gateway;
  for (const char* name : {"gpt2-generation", "distilgpt2-generation", "gpt2-medium-generation",
                           "bert-base-uncased-classification"}) {
    config::v1::Runner& runner = *gateway.add_runners();
    runner.set_name(name);
    runner.add_endpoints("localhost:1");
  }
  const std::string path = "examples/graphs/inference_graph.yaml";
  config::v1::Graph file;
  ASSERT_TRUE(ParseYaml(ReadFile(path, 1 << 20).value(), path, file).ok());
  const auto config = MakeConfig(gateway, {file});
  ASSERT_TRUE(config.ok()) << config.status();
  const Graph& graph = *config->graphs[0];
  EXPECT_EQ(graph.name(), "inference_graph");
  std::vector<std::string> runners;
  for (const Graph::Node& node : graph.nodes()) runners.push_back(node.runner);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(file.nodes(i).generate().max_length(), 128u);
    EXPECT_TRUE(file.nodes(i).generate().do_sample());
    EXPECT_EQ(file.nodes(i).generate().top_k(), 50u);
  }
  EXPECT_THAT(runners, ElementsAre("gpt2-generation", "distilgpt2-generation",
                                   "gpt2-medium-generation", "bert-base-uncased-classification"));
  EXPECT_THAT(graph.output().inputs, ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace chorus::gateway
