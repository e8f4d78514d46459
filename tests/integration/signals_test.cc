// What signals do to the two servers, each by itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/process.h"

namespace chorus {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr seconds kPatience(120);  // On a busy machine, perhaps under a sanitizer.

class SignalsTest : public ::testing::Test {
 protected:
  SignalsTest() : dir_(MakeTempDir()) {}
  ~SignalsTest() override { std::filesystem::remove_all(dir_); }

  std::vector<std::string> RunnerCommand(const std::string& model) const {
    return {CHORUS_BINARY_DIR "/runner_server",
            "--model",
            model,
            "--address",
            "127.0.0.1:0",
            "--metrics_address",
            ""};
  }

  const std::string dir_;
};

TEST_F(SignalsTest, ARunnerThatLoadsEndsAtOnce) {
  std::vector<std::string> command = {"/usr/bin/env",
                                      "LD_PRELOAD=" CHORUS_BINARY_DIR "/libendless_willneed.so",
                                      "ASAN_OPTIONS=verify_asan_link_order=0"};
  for (const std::string& word : RunnerCommand("models/demo/gpt2")) command.push_back(word);
  Process runner(command, dir_ + "/log");
  ASSERT_NE(runner.WaitForLine("event=listening", kPatience), "") << runner.Log();
  runner.Signal(SIGHUP);  // Means nothing to it.
  EXPECT_NE(runner.WaitForLine("event=hangup", kPatience), "") << runner.Log();
  runner.Signal(SIGTERM);
  EXPECT_EQ(runner.WaitForExit(seconds(20)), 0) << runner.Log();
  EXPECT_THAT(runner.Log(), HasSubstr("event=stopped model=gpt2 signal=15: it was still loading"));
}

TEST_F(SignalsTest, ARunnerServesOnUponAHangup) {
  Process runner(RunnerCommand("models/demo/bert-sst2"), dir_ + "/log");
  ASSERT_NE(runner.WaitForLine("event=serving", kPatience), "") << runner.Log();
  runner.Signal(SIGHUP);
  EXPECT_NE(runner.WaitForLine("event=hangup", kPatience), "") << runner.Log();
  runner.Signal(SIGTERM);
  EXPECT_EQ(runner.WaitForExit(kPatience), 0) << runner.Log();
  EXPECT_THAT(runner.Log(), HasSubstr("event=draining"));
}

TEST_F(SignalsTest, AGatewayUnderNohupTakesNoHangup) {
  std::ofstream(dir_ + "/gateway.yaml") << "runners: [{name: one, endpoints: ['127.0.0.1:1']}]\n";
  Process gateway({"/bin/sh", "-c",
                   "trap '' HUP; exec " CHORUS_BINARY_DIR
                   "/api_server --config \"$0\" --http_address 127.0.0.1:0 --grpc_address "
                   "127.0.0.1:0",
                   dir_ + "/gateway.yaml"},
                  dir_ + "/log");
  ASSERT_NE(gateway.WaitForLine("listening", kPatience), "") << gateway.Log();
  gateway.Signal(SIGHUP);
  gateway.Signal(SIGTERM);
  EXPECT_EQ(gateway.WaitForExit(kPatience), 0) << gateway.Log();
  EXPECT_THAT(gateway.Log(), Not(HasSubstr("reloaded")));
}

}  // namespace
}  // namespace chorus
