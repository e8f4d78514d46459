// The demo graph over libtorch's executor, beside the kernels': the same seeded texts, and scores
// to 1e-4. What is wrong with the flags is said in one sentence.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/integration/process.h"

namespace chorus {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kStartPatience(120);

class ExecutorTest : public ::testing::Test {
 protected:
  ~ExecutorTest() override { std::filesystem::remove_all(dir_); }

  // The tutorial's answer from `chorus serve`, texts in the graph's order with their scores.
  json Answer(const std::string& executor) {
    Process process({CHORUS_BINARY_DIR "/chorus", "serve", "--port", "0", "--grpc_port", "0",
                     "--executor", executor, "--dtype", "float32"},
                    dir_ + "/" + executor + ".log", {{"CHORUS_HOME", dir_ + "/home"}});
    const std::string line = process.WaitForLine("Chorus is ready", kStartPatience);
    const size_t http = line.find("http://");
    if (http == std::string::npos) {
      ADD_FAILURE() << process.Log();
      return {};
    }
    EXPECT_THAT(process.Log(), HasSubstr("executor=" + executor + " device=cpu"));
    const std::string url = line.substr(http, line.find_first_of(", ", http) - http);
    return json::parse(Shell("curl -s --max-time 60 '" + url +
                             "/classify_generated_texts?max_length=24&seed=7&details=true' -H "
                             "'Content-Type: text/plain' -d "
                             "'I have an idea!'")
                           .out,
                       nullptr, false);
  }

  ShellResult Runner(const std::string& flags) {
    return Shell("timeout 60 " CHORUS_BINARY_DIR
                 "/runner_server --model models/demo/gpt2 --address 127.0.0.1:0 "
                 "--metrics_address= " +
                 flags);
  }

  const std::string dir_ = MakeTempDir();
};

TEST_F(ExecutorTest, TextsAreThoseOfTheKernels) {
  const json native = Answer("native"), torch = Answer("torch");
  ASSERT_EQ(native.size(), 3u) << native;
  ASSERT_EQ(torch.size(), 3u) << torch;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(torch[i]["generated"], native[i]["generated"]);
    EXPECT_FALSE(native[i].contains("bits")) << native[i];
    EXPECT_EQ(torch[i].value("bits", ""), "BITS_PER_BATCH_SHAPE");
    EXPECT_NEAR(torch[i]["score"].get<double>(), native[i]["score"].get<double>(), 1e-4);
  }
}

TEST_F(ExecutorTest, SaysInASentenceWhatIsWrongWithTheFlags) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--executor torch --dtype int8", "int8_weight_only are those of --executor native"},
      {"--executor torch --device nonsense", "--device nonsense: "},
      {"--device cuda:63", "--device cuda:63: this libtorch finds "},
      {"--executor native --device cuda", "--executor native runs on the cpu alone"},
      {"--dtype float16", "--dtype float16 takes --executor torch"},
      {"--executor best", "--executor"}};
  for (const auto& [flags, sentence] : cases) {
    const ShellResult result = Runner(flags);
    EXPECT_EQ(result.exit_status, 1) << flags;
    EXPECT_THAT(result.out, AllOf(HasSubstr("runner_server: "), HasSubstr(sentence),
                                  Not(HasSubstr("Exception raised from"))))
        << flags;
  }
}

}  // namespace
}  // namespace chorus
