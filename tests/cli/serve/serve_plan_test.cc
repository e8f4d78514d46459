#include "cli/serve/serve_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::SizeIs;

ServeSettings Settings() {
  ServeSettings settings;
  settings.http_address = "127.0.0.1:3000";
  settings.grpc_address = "127.0.0.1:50051";
  settings.graph_file = "graph.yaml";
  settings.drain_timeout = absl::Seconds(90);
  settings.runner_program = "/bin/runner_server";
  settings.gateway_program = "/bin/api_server";
  settings.directory = "/tmp/x";
  return settings;
}

const std::vector<RunnerSpec> kRunners = {{"gpt2-generation", "demo", "/models/gpt2"},
                                          {"bert", "", "/my bert"}};

std::string Flag(const ChildSpec& child, const std::string& flag) {
  const auto it = std::find(child.argv.begin(), child.argv.end(), flag);
  return it == child.argv.end() ? "(absent)" : *(it + 1);
}

TEST(MakeServePlan, ARunnerThatCannotLoadEndsAllUnlessToldToKeepGoing) {
  ServeSettings settings = Settings();
  EXPECT_TRUE(MakeServePlan(settings, kRunners).children[0].child.essential);
  settings.keep_going = true;
  const ServePlan plan = MakeServePlan(settings, kRunners);
  EXPECT_FALSE(plan.children[0].child.essential);
  EXPECT_TRUE(plan.children[2].child.essential);  // The gateway.
}

TEST(MakeServePlan, TheGatewayWritesNoAccessLogWhereNoneIsWanted) {
  ServeSettings settings = Settings();
  settings.access_log = false;
  const ServePlan plan = MakeServePlan(settings, kRunners);
  EXPECT_EQ(plan.children[2].argv.back(), "--no-access_log");
}

TEST(MakeServePlan, AModelWithoutReplicasHasNoProcessButAPlace) {
  std::vector<RunnerSpec> runners = kRunners;
  runners[0].num_replicas = 0;
  const ServePlan plan = MakeServePlan(Settings(), runners);
  EXPECT_THAT(plan.children, SizeIs(2));
  EXPECT_EQ(plan.gateway_config,
            "runners:\n"
            "  - name: \"gpt2-generation\"\n    endpoints: [\"unix:/tmp/x/nobody.sock\"]\n"
            "  - name: \"bert\"\n    endpoints: [\"unix:/tmp/x/runner-0.sock\"]\n");
}

TEST(MakeServePlan, MakesARunnerAModelAndTheGateway) {
  const ServePlan plan = MakeServePlan(Settings(), kRunners);
  ASSERT_THAT(plan.children, SizeIs(3));
  EXPECT_THAT(plan.children[0].argv,
              ElementsAreArray({"/bin/runner_server", "--model", "/models/gpt2", "--name",
                                "gpt2-generation", "--version", "demo", "--address",
                                "unix:/tmp/x/runner-0.sock", "--metrics_address", "",
                                "--drain_timeout", "1m30s", "--ports_file", "/tmp/x/runner-0.ports",
                                "--core_lease", "/tmp/x/core_lease", "--core_lease_slot", "0"}));
  EXPECT_EQ(Flag(plan.children[1], "--model"), "/my bert");
  EXPECT_EQ(Flag(plan.children[1], "--version"), "");
  EXPECT_EQ(Flag(plan.children[1], "--address"), "unix:/tmp/x/runner-1.sock");
  EXPECT_THAT(
      plan.children[2].argv,
      ElementsAreArray({"/bin/api_server", "--config", "/tmp/x/gateway.yaml", "--http_address",
                        "127.0.0.1:3000", "--grpc_address", "127.0.0.1:50051", "--ports_file",
                        "/tmp/x/gateway.ports", "--drain_timeout", "1m30s", "--runner_metrics",
                        "--graph", "graph.yaml"}));
  EXPECT_EQ(plan.gateway_config,
            "runners:\n"
            "  - name: \"gpt2-generation\"\n"
            "    endpoints: [\"unix:/tmp/x/runner-0.sock\"]\n"
            "  - name: \"bert\"\n"
            "    endpoints: [\"unix:/tmp/x/runner-1.sock\"]\n");
}

TEST(MakeServePlan, TheGatewayStopsFirst) {
  const ServePlan plan = MakeServePlan(Settings(), kRunners);
  EXPECT_LT(plan.children[2].child.stop_stage, plan.children[0].child.stop_stage);
  EXPECT_EQ(plan.children[0].child.stop_stage, plan.children[1].child.stop_stage);
  EXPECT_EQ(plan.children[2].child.name, "api_server");
}

TEST(MakeServePlan, OldSocketsAndPortsFilesGoBeforeAStart) {
  const ServePlan plan = MakeServePlan(Settings(), kRunners);
  EXPECT_THAT(plan.children[1].made_files,
              ElementsAre("/tmp/x/runner-1.sock", "/tmp/x/runner-1.ports"));
  EXPECT_THAT(plan.children[2].made_files, ElementsAre(plan.gateway_ports_file));
}

TEST(MakeServePlan, GivesEachRunnerItsPlaceInTheCoreLease) {
  const ServePlan plan = MakeServePlan(Settings(), kRunners);
  EXPECT_EQ(plan.core_lease, std::string(2 * 64, '\0'));
  for (const int i : {0, 1}) {
    EXPECT_EQ(Flag(plan.children[i], "--core_lease"), plan.core_lease_file.native());
    EXPECT_EQ(Flag(plan.children[i], "--core_lease_slot"), std::to_string(i));
    EXPECT_EQ(Flag(plan.children[i], "--threads"), "(absent)");
  }
}

TEST(MakeServePlan, LeavesRoomForRunnersToCome) {
  EXPECT_EQ(MakeServePlan(Settings(), kRunners, 3).core_lease.size(), (2 + 3) * 64u);
  const ChildSpec runner = MakeRunner(Settings(), kRunners[1], 0, 4);
  EXPECT_EQ(Flag(runner, "--address"), "unix:/tmp/x/runner-4.sock");
  EXPECT_EQ(Flag(runner, "--core_lease_slot"), "4");
  EXPECT_EQ(PortsFileOf(runner), "/tmp/x/runner-4.ports");
}

TEST(MakeServePlan, ServesModelsWithoutAGraph) {
  ServeSettings settings = Settings();
  settings.graph_file = "";
  EXPECT_EQ(Flag(MakeServePlan(settings, kRunners).children.back(), "--graph"), "(absent)");
}

TEST(MakeServePlan, StartsEveryReplica) {
  std::vector<RunnerSpec> runners = kRunners;
  runners[0].num_replicas = 2;
  const ServePlan plan = MakeServePlan(Settings(), runners);
  ASSERT_THAT(plan.children, SizeIs(4));
  EXPECT_EQ(plan.children[0].child.name, "gpt2-generation/0");
  EXPECT_EQ(plan.children[1].child.name, "gpt2-generation/1");
  EXPECT_EQ(plan.children[2].child.name, "bert");
  for (const int i : {0, 1}) EXPECT_EQ(Flag(plan.children[i], "--name"), "gpt2-generation");
  for (const int i : {0, 1, 2}) {
    EXPECT_EQ(Flag(plan.children[i], "--core_lease_slot"), std::to_string(i));
  }
  EXPECT_EQ(plan.core_lease.size(), 3 * 64u);
  EXPECT_EQ(plan.gateway_config,
            "runners:\n"
            "  - name: \"gpt2-generation\"\n"
            "    endpoints: [\"unix:/tmp/x/runner-0.sock\", \"unix:/tmp/x/runner-1.sock\"]\n"
            "  - name: \"bert\"\n"
            "    endpoints: [\"unix:/tmp/x/runner-2.sock\"]\n");
}

TEST(MakeServePlan, GivesARunnerItsOwnThreadsAndFlags) {
  std::vector<RunnerSpec> runners = kRunners;
  runners[0].num_threads = 3;
  runners[0].flags = {"--dtype", "int8"};
  const ServePlan plan = MakeServePlan(Settings(), runners);
  EXPECT_EQ(Flag(plan.children[0], "--threads"), "3");
  EXPECT_EQ(Flag(plan.children[0], "--core_lease"), "(absent)");
  EXPECT_EQ(Flag(plan.children[0], "--dtype"), "int8");
  EXPECT_EQ(Flag(plan.children[1], "--threads"), "(absent)");
  EXPECT_EQ(Flag(plan.children[1], "--dtype"), "(absent)");
}

TEST(FitsSocketPath, WantsAShortPlainAbsolutePath) {
  EXPECT_TRUE(FitsSocketPath("/tmp/chorus-sockets-01234567"));
  EXPECT_TRUE(FitsSocketPath("/" + std::string(88, 'x')));
  EXPECT_FALSE(FitsSocketPath("/" + std::string(90, 'x')));  // With "/runner-9999.sock": 108 bytes.
  EXPECT_FALSE(FitsSocketPath("tmp"));
  EXPECT_FALSE(FitsSocketPath("/tmp/with space"));
  EXPECT_FALSE(FitsSocketPath("/tmp/100%"));
  EXPECT_FALSE(FitsSocketPath(""));
}

}  // namespace
}  // namespace chorus
