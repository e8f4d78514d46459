// api_server in front of a scripted runner of fixed capacity that is offered more than that, by
// `chorus bench`: what it can do it goes on doing, the rest is refused, and mostly by the gateway.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "tests/integration/process.h"

namespace chorus {
namespace {

using std::chrono::seconds;
using ::testing::AnyOf;
using ::testing::Each;
using ::testing::Key;

constexpr seconds kPatience(60);

class OverloadTest : public ::testing::Test {
 protected:
  // The runner serves four texts of 20 ms at once, 200 a second, and lets eight more wait.
  void SetUp() override {
    runner_ = std::make_unique<Process>(
        std::vector<std::string>{CHORUS_BINARY_DIR "/fake_runner", "--tokens", " hi",
                                 "--token_delay", "20ms", "--max_active", "4", "--max_waiting", "8",
                                 "--ports_file", dir_ + "/runner.ports"},
        dir_ + "/runner.log");
    const std::string runner = WaitForPort(dir_ + "/runner.ports", "grpc", kPatience);
    std::ofstream(dir_ + "/gateway.yaml")
        << "runners: [{name: gen, endpoints: ['" << runner << "']}]";
    gateway_ = std::make_unique<Process>(
        std::vector<std::string>{CHORUS_BINARY_DIR "/api_server", "--config",
                                 dir_ + "/gateway.yaml", "--http_address", "127.0.0.1:0",
                                 "--grpc_address", "127.0.0.1:0", "--ports_file",
                                 dir_ + "/gateway.ports", "--no_access_log"},
        dir_ + "/gateway.log");
    http_ = "http://" + WaitForPort(dir_ + "/gateway.ports", "http", kPatience);
    ASSERT_TRUE(Eventually(
        [&] {
          return Shell("curl -s -o /dev/null -w '%{http_code}' " + http_ + "/readyz").out == "200";
        },
        kPatience))
        << runner_->Log() << gateway_->Log();
  }
  void TearDown() override {
    gateway_.reset();
    runner_.reset();
    std::filesystem::remove_all(dir_);
  }

  nlohmann::json Bench(const std::string& arguments) {
    const ShellResult result = Shell(CHORUS_BINARY_DIR "/chorus bench run " + http_ +
                                     " --model gen --timeout 5m -o json 2>/dev/null " + arguments);
    EXPECT_EQ(result.exit_status, 0) << arguments << result.out;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }

  // Calls that the gateway itself has refused.
  int NumRefusals() const {
    const std::string text = Shell("curl -s " + http_ + "/metrics").out;
    std::smatch match;
    const std::regex line(R"re(\nchorus_refusals_total\{runner="gen"\} ([0-9]+))re");
    return std::regex_search(text, match, line) ? std::stoi(match[1]) : -1;
  }

  const std::string dir_ = MakeTempDir();
  std::unique_ptr<Process> runner_, gateway_;
  std::string http_;
};

TEST_F(OverloadTest, GoodputStaysAndTheGatewayRefusesMostOfTheRest) {
  const double peak = Bench("--clients 8 --duration 2s")["per_second"]["ok"];
  EXPECT_EQ(NumRefusals(), 0);

  const nlohmann::json report = Bench("--rate 1000 --duration 2s --warmup 0s");
  const auto& calls = report["calls"];
  EXPECT_EQ(calls["timed_out"], 0) << report;
  EXPECT_EQ(calls["failed"], 0) << report;
  const auto statuses = report["statuses"].get<std::map<std::string, int>>();
  EXPECT_THAT(statuses, Each(Key(AnyOf("200", "429"))));
  // Half, since the machine that tests may be busy. What it is was measured: docs/overload.md.
  EXPECT_GT(report["per_second"]["ok"], 0.5 * peak);
  EXPECT_GT(NumRefusals(), 0.5 * calls["refused"].get<int>());

  const int before = NumRefusals();
  const nlohmann::json after = Bench("--clients 4 --calls 40");
  EXPECT_EQ(after["calls"]["ok"], 40) << after;
  EXPECT_EQ(NumRefusals(), before);
}

}  // namespace
}  // namespace chorus
