// `chorus bench` against `chorus serve` with the demo models, by every protocol Chorus speaks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/process.h"

namespace chorus {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr seconds kStartPatience(120);  // Five processes on a busy machine.

class BenchTest : public ::testing::Test {
 protected:
  BenchTest()
      : serve_({CHORUS_BINARY_DIR "/chorus", "serve", "--port", "0", "--grpc_port", "0"},
               dir_ + "/serve.log", {{"CHORUS_HOME", dir_ + "/home"}}) {
    // Chorus is ready: HTTP http://127.0.0.1:41233, gRPC 127.0.0.1:33127
    const std::string line = serve_.WaitForLine("Chorus is ready", kStartPatience);
    const size_t http = line.find("http://"), grpc = line.find("gRPC ");
    if (http == std::string::npos || grpc == std::string::npos) {
      ADD_FAILURE() << serve_.Log();
      return;
    }
    http_ = line.substr(http, line.find(',', http) - http);
    grpc_ = line.substr(grpc + 5, line.find_first_not_of("0123456789.:", grpc + 5) - grpc - 5);
  }
  ~BenchTest() override {
    serve_.Signal(SIGTERM);
    EXPECT_EQ(serve_.WaitForExit(seconds(60)), 0) << serve_.Log();
    std::filesystem::remove_all(dir_);
  }

  nlohmann::json Bench(const std::string& arguments) {
    const ShellResult result = Shell(CHORUS_BINARY_DIR "/chorus bench run " + arguments +
                                     " --output_tokens 5 --timeout 5m -o json 2>/dev/null");
    EXPECT_EQ(result.exit_status, 0) << arguments << result.out;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }

  const std::string dir_ = MakeTempDir();
  Process serve_;
  std::string http_, grpc_;
};

TEST_F(BenchTest, LoadsTheGraphByEveryProtocol) {
  for (const std::string& target :
       {http_ + " --protocol http", http_ + " --protocol sse", grpc_ + " --protocol grpc",
        grpc_ + " --protocol grpc-stream"}) {
    const auto report = Bench(target + " --clients 3 --calls 9");
    EXPECT_EQ(report["calls"]["ok"], 9) << target;
    const bool is_stream = target.ends_with("sse") || target.ends_with("stream");
    ASSERT_EQ(report["branches"].size(), is_stream ? 3u : 0u) << target;
    for (const auto& branch : report["branches"]) {
      EXPECT_EQ(branch["texts"], 9);
      EXPECT_EQ(branch["tokens"], 45);
      EXPECT_EQ(branch["score"]["count"], 9);
      EXPECT_GT(branch["score"]["min"], 0);
    }
  }
}

TEST_F(BenchTest, LoadsModelsInAnOpenLoop) {
  const std::string open = " --rate 20 --duration 1s --warmup 0s";
  const auto streamed = Bench(http_ + " --protocol sse --model gpt2-generation" + open);
  EXPECT_GT(streamed["calls"]["ok"], 5);
  EXPECT_EQ(streamed["branches"][0]["tokens"], 5 * streamed["calls"]["ok"].get<int>());
  const auto classified = Bench(grpc_ +
                                " --protocol grpc --classifier "
                                "bert-base-uncased-classification" +
                                open);
  EXPECT_GT(classified["calls"]["ok"], 5);
  EXPECT_THAT(serve_.Log(), HasSubstr("gpt2-generation"));
}

}  // namespace
}  // namespace chorus
