// A model pulled from a hub of the test, and an answer of the real runner with it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "tests/integration/process.h"
#include "tests/model_store/hub/scripted_hub.h"

namespace chorus {
namespace {

using ::testing::HasSubstr;

class PullTest : public ::testing::Test {
 protected:
  ~PullTest() override { std::filesystem::remove_all(dir_); }

  ShellResult Chorus(const std::string& arguments) {
    return Chorus("HF_ENDPOINT=" + hub_.url() + " no_proxy=127.0.0.1", arguments);
  }
  ShellResult Chorus(const std::string& environment, const std::string& arguments) {
    return Shell("HOME=" + dir_ + " CHORUS_HOME=" + dir_ + "/home HF_TOKEN= " + environment +
                 " " CHORUS_BINARY_DIR "/chorus " + arguments);
  }

  const std::string dir_ = MakeTempDir();
  store::ScriptedHub hub_;
};

TEST_F(PullTest, APulledModelAnswersAsItsOriginalDoes) {
  const struct {
    const char* repository;
    const char* folder;
    const char* name;
    const char* question;
  } kModels[] = {
      {"openai-community/gpt2", "models/demo/gpt2", "gpt2-generation",
       "'I have an idea!' --greedy --max_new_tokens 20"},
      {"textattack/bert-base-uncased-SST-2", "models/demo/bert-sst2",
       "bert-base-uncased-classification", "'a wonderful, touching film'"},
  };
  for (const auto& model : kModels) {
    hub_.SetModel(model.repository, std::filesystem::path(model.folder));
    const std::string from = std::string(" --from ") + model.repository;
    const ShellResult pull =
        Chorus("models pull " + std::string(model.name) + ":v1" + from + "@" + hub_.commit());
    ASSERT_EQ(pull.exit_status, 0) << pull.out;
    const ShellResult pulled = Chorus("run " + std::string(model.name) + ":v1 " + model.question);
    EXPECT_EQ(pulled.exit_status, 0) << pulled.out;
    EXPECT_EQ(pulled.out, Chorus("run ./" + std::string(model.folder) + " " + model.question).out);
  }
  EXPECT_THAT(Chorus("models list").out, HasSubstr("gpt2-generation:v1"));
}

TEST_F(PullTest, PullsThroughAProxyAndAsksItsRunnerWithoutOne) {
  hub_.SetModel("openai-community/gpt2", std::filesystem::path("models/demo/gpt2"));
  // What a proxy is asked for has its server's name.
  static constexpr std::string_view kHub = "http://hub.invalid";
  hub_.SetHook([this](const store::HubRequest& request) -> std::optional<store::HubResponse> {
    if (!request.target.starts_with(kHub)) return store::HubResponse{.status = 502};
    store::HubRequest inner = request;
    inner.target.erase(0, kHub.size());
    return hub_.Answer(inner);
  });
  const std::string environment = "HF_ENDPOINT=" + std::string(kHub) +
                                  " no_proxy= http_proxy=" + hub_.url() +
                                  " grpc_proxy=" + hub_.url();
  const ShellResult pull = Chorus(
      environment, "models pull gpt2-generation:v1 --from openai-community/gpt2@" + hub_.commit());
  EXPECT_EQ(pull.exit_status, 0) << pull.out;
  const size_t num_asked = hub_.requests().size();
  EXPECT_GT(num_asked, 3u);
  const ShellResult run =
      Chorus(environment, "run gpt2-generation:v1 'I have' --greedy --max_new_tokens 2");
  EXPECT_EQ(run.exit_status, 0) << run.out;
  EXPECT_EQ(hub_.requests().size(), num_asked);
}

}  // namespace
}  // namespace chorus
