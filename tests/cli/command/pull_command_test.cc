// `chorus models pull`, by the program itself, from a hub of the test.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/command/command_fixture.h"
#include "tests/model_store/hub/scripted_hub.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class PullCommandTest : public CommandTest {
 protected:
  PullCommandTest() {
    hub_.SetModel("openai-community/gpt2", fs::path("models/demo/gpt2"));
    environment_["HF_ENDPOINT"] = hub_.url();
    environment_["HOME"] = temp_ / "user";
    environment_["no_proxy"] = "127.0.0.1";
    for (const char* name :
         {"HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
      environment_[name] = "";
    }
  }

  std::vector<std::string> Tags() {
    std::vector<std::string> tags;
    for (const auto& entry : fs::directory_iterator(temp_ / "home/models")) {
      const std::string name = entry.path().filename();
      if (name.starts_with(".")) continue;
      for (const auto& version : fs::directory_iterator(entry)) {
        if (version.is_directory()) {
          tags.push_back(name + ":" + version.path().filename().native());
        }
      }
    }
    return tags;
  }

  store::ScriptedHub hub_;
};

TEST_F(PullCommandTest, PullsRunsAndListsAModel) {
  const std::string version = hub_.commit().substr(0, 12);
  const std::string tag = "gpt2-generation:" + version;
  const Result pull = Run({"models", "pull", "gpt2-generation"});
  EXPECT_EQ(pull.status, 0) << pull.err;
  EXPECT_EQ(pull.out,
            "Pulled " + tag + ": 8.4 MiB from openai-community/gpt2@" + hub_.commit() + "\n");
  EXPECT_THAT(pull.err, AllOf(HasSubstr("config.json: "), HasSubstr("\nmodel.safetensors: 8."),
                              Not(HasSubstr("\033"))));
  EXPECT_THAT(Tags(), ElementsAre(tag));  // The demo models are not put beside it.

  const Result again = Run({"models", "pull", "gpt2-generation"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.out, tag + " is there already: openai-community/gpt2@" + hub_.commit() + "\n");
  EXPECT_EQ(again.err, "");
  EXPECT_THAT(hub_.RequestsFor("model.safetensors"), SizeIs(1));
  EXPECT_EQ(hub_.requests()[0].header("user-agent").substr(0, 7), "chorus/");

  EXPECT_THAT(Run({"run", "gpt2-generation", "Once"}).out, HasSubstr("Once max"));
  EXPECT_THAT(Run({"models", "list"}).out,
              AllOf(HasSubstr(tag), HasSubstr("gpt2-generation:demo")));
  EXPECT_THAT(Run({"models", "get", "gpt2-generation", "--verify"}).out,
              AllOf(HasSubstr(tag), HasSubstr("openai-community/gpt2@" + hub_.commit())));
}

// A model that transformers saved as pickles, in shards.
TEST_F(PullCommandTest, PullsShardsOfPickles) {
  const fs::path folder = temp_ / "gpt2";
  fs::copy("models/demo/gpt2", folder);
  fs::remove(folder / "model.safetensors");
  for (const auto& entry : fs::directory_iterator("tests/testdata/torch/gpt2/bin_shards")) {
    fs::copy(entry.path(), folder, fs::copy_options::overwrite_existing);
  }
  nlohmann::json tokenizer = {{"model", {{"type", "BPE"}, {"merges", nlohmann::json::array()}}}};
  for (int i = 0; i < 40; ++i) {  // As few tokens as the model has.
    tokenizer["model"]["vocab"][std::string(1, static_cast<char>('0' + i))] = i;
  }
  PutFile(folder / "tokenizer.json", tokenizer.dump());
  hub_.SetModel("a/b", folder);
  const Result pull = Run({"models", "pull", "mine:v1", "--from", "a/b"});
  EXPECT_EQ(pull.status, 0) << pull.err;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    EXPECT_EQ(GetFile(temp_ / "home/models/mine/v1" / name), GetFile(entry.path())) << name;
  }
}

TEST_F(PullCommandTest, PullsAGivenRevisionWithItsPins) {
  const Result found = Run({"models", "pull", "mine:v1", "--from",
                            "openai-community/gpt2@" + hub_.commit(), "--endpoint", hub_.url()});
  EXPECT_EQ(found.status, 0) << found.err;
  const auto files =
      nlohmann::json::parse(Run({"models", "get", "mine:v1", "-o", "json"}).out)["files"];
  std::vector<std::string> arguments = {"models", "pull", "mine:v2", "--from",
                                        "openai-community/gpt2"};
  for (const auto& file : files) {
    arguments.insert(arguments.end(), {"--sha256", file["name"].get<std::string>() + "=" +
                                                       file["sha256"].get<std::string>()});
  }
  EXPECT_EQ(Run(arguments).status, 0);
  EXPECT_EQ(Run(arguments).status, 0);
  arguments.insert(arguments.end(), {"--sha256", "config.json=" + std::string(64, '0')});
  EXPECT_EQ(Run(arguments).status, 2);  // Two for one file.
  const Result wrong = Run({"models", "pull", "mine:v3", "--from", "openai-community/gpt2",
                            "--sha256", "model.safetensors=" + std::string(64, 'A')});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("chorus: model.safetensors is not the one that is pinned"));
  EXPECT_FALSE(fs::exists(temp_ / "home/models/mine/v3"));
}

TEST_F(PullCommandTest, TakesATokenFromAFileAndNeverShowsIt) {
  PutFile(temp_ / "user/.cache/huggingface/token", "hf_of_a_file\n");
  hub_.SetHook([](const store::HubRequest& request) -> std::optional<store::HubResponse> {
    if (request.header("authorization") == "Bearer hf_of_a_file") return std::nullopt;
    return store::HubResponse{.status = 401, .headers = {{"X-Error-Message", "Invalid username"}}};
  });
  EXPECT_EQ(Run({"models", "pull", "gpt2-generation:a"}).status, 0);
  environment_["HF_TOKEN"] = "hf_wrong";
  const Result refused = Run({"models", "pull", "gpt2-generation:b"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("does not accept the token"),
                                 HasSubstr("Invalid username"), Not(HasSubstr("hf_wrong"))));
}

TEST_F(PullCommandTest, TrustsTheCertificatesThatTheEnvironmentNames) {
  store::ScriptedHub secure(store::ScriptedHub::Scheme::kHttps);
  secure.SetModel("openai-community/gpt2", fs::path("models/demo/gpt2"));
  environment_["HF_ENDPOINT"] = secure.url();
  const Result distrusted = Run({"models", "pull", "gpt2-generation"});
  EXPECT_EQ(distrusted.status, 1);
  EXPECT_THAT(distrusted.err, HasSubstr("the certificate of 127.0.0.1 is not trusted"));
  PutFile(temp_ / "ca.pem", secure.certificate());
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"}) {
    environment_[name] = temp_ / "ca.pem";
    const Result pull = Run({"models", "pull", "gpt2-generation:" + std::string(name)});
    EXPECT_EQ(pull.status, 0) << pull.err;
    environment_[name] = "";
  }
}

TEST_F(PullCommandTest, CtrlCLeavesTheStoreAsItWas) {
  hub_.SetHook([&](const store::HubRequest& request) -> std::optional<store::HubResponse> {
    if (!request.target.ends_with("/model.safetensors")) return std::nullopt;
    store::HubResponse response = hub_.Answer(request);
    response.cut_after = 1000;
    response.stall = true;
    return response;
  });
  for (const int signal : {SIGINT, SIGTERM}) {
    Program pull = Start({"models", "pull", "gpt2-generation"});
    ASSERT_THAT(pull.err().WaitFor("vocab.json: "), HasSubstr("KiB"));
    pull.Signal(signal);
    EXPECT_EQ(pull.Wait(), 128 + signal);
    EXPECT_THAT(Tags(), IsEmpty());
  }
  uintmax_t kept = 0;
  for (const auto& entry : fs::recursive_directory_iterator(temp_ / "home/models/.pull")) {
    if (entry.path().filename() == "model.safetensors") kept += entry.file_size();
  }
  hub_.SetHook(nullptr);
  const Result rest = Run({"models", "pull", "gpt2-generation"});
  EXPECT_EQ(rest.status, 0) << rest.err;
  EXPECT_EQ(hub_.requests().back().header("range"),
            kept == 0 ? "" : "bytes=" + std::to_string(kept) + "-");
}

// How flock is on some network file systems: nothing, or an error.
class PullWithoutLocksTest : public PullCommandTest, public ::testing::WithParamInterface<int> {
 protected:
  PullWithoutLocksTest() {
    PreloadNoFlock(GetParam());
    // Half of the weights, then a broken connection; in time for the next pull all.
    hub_.SetHook([&](const store::HubRequest& request) -> std::optional<store::HubResponse> {
      if (!request.target.ends_with("/model.safetensors") || std::exchange(cut_, true)) {
        return std::nullopt;
      }
      store::HubResponse response = hub_.Answer(request);
      response.cut_after = response.body.size() / 2;
      return response;
    });
  }

  void ExpectWhole() {
    const Result get = Run({"models", "get", "gpt2-generation", "--verify"});
    EXPECT_EQ(get.status, 0) << get.err;
    const fs::path version = temp_ / "home/models/gpt2-generation" / hub_.commit().substr(0, 12);
    EXPECT_EQ(GetFile(version / "model.safetensors"),
              GetFile("models/demo/gpt2/model.safetensors"));
    EXPECT_TRUE(fs::is_empty(temp_ / "home/models/.pull"));
  }
  void ExpectWarning(const std::string& log) {
    const bool warns = log.find("warning: cannot lock ") != std::string::npos;
    EXPECT_EQ(warns, GetParam() != 0) << log;
  }

  bool cut_ = false;
};

TEST_P(PullWithoutLocksTest, TwoPullsAtOnceLeaveTheRightFile) {
  Program first = Start({"models", "pull", "gpt2-generation"});
  ASSERT_THAT(first.err().WaitFor("trying again"), HasSubstr("trying again"));
  first.Signal(SIGSTOP);
  const Result second = Run({"models", "pull", "gpt2-generation"});
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_THAT(second.out, HasSubstr("Pulled gpt2-generation:"));
  ExpectWarning(second.err);
  first.Signal(SIGCONT);
  EXPECT_THAT(first.out().Rest(), HasSubstr("gpt2-generation:"));
  EXPECT_EQ(first.Wait(), 0) << first.err().Rest();
  EXPECT_THAT(hub_.RequestsFor("model.safetensors"), SizeIs(3));
  ExpectWhole();
}

TEST_P(PullWithoutLocksTest, AKilledPullIsGoneOnWith) {
  Program killed = Start({"models", "pull", "gpt2-generation"});
  ASSERT_THAT(killed.err().WaitFor("trying again"), HasSubstr("trying again"));
  killed.Signal(SIGKILL);
  EXPECT_EQ(killed.Wait(), -SIGKILL);
  const Result next = Run({"models", "pull", "gpt2-generation"});
  EXPECT_EQ(next.status, 0) << next.err;
  EXPECT_THAT(next.err, HasSubstr("model.safetensors: going on after 4."));
  ExpectWhole();
}

INSTANTIATE_TEST_SUITE_P(Flock, PullWithoutLocksTest, ::testing::Values(0, ENOLCK, ENOSYS));

TEST_F(PullCommandTest, SaysWhatIsWrongWithItsArguments) {
  const std::string hash(64, '0');
  const struct {
    std::vector<std::string> arguments;
    int status;
    std::string message;
  } kCases[] = {
      {{}, 2, "tag is required"},
      {{"mine"}, 1, "which model is mine? Give it with --from ORG/NAME"},
      {{"a:b:c"}, 1, "b:c"},
      {{"mine", "--from", "../x"}, 1, "ORG/NAME@REVISION: \"../x\""},
      {{"mine", "--from", "a/b@.."}, 1, "not a branch, tag or commit"},
      {{"mine", "--from", "a/b", "--endpoint", "file:///etc"}, 1, "must be an http or https URL"},
      {{"mine", "--from", "a/b", "--endpoint", "http://u:p@hub"}, 1, "no user's name or password"},
      {{"mine", "--from", "a/b"}, 1, "no a/b@main on http"},
      {{"mine", "--sha256", "x"}, 2, "must be FILE=HEX"},
      {{"mine", "--sha256", "x=7"}, 2, "must be FILE=HEX"},
      {{"mine", "--sha256", "../x=" + hash}, 2, "must be FILE=HEX"},
      {{"gpt2-generation", "--sha256", "README.md=" + hash}, 1, "no file of this model's"},
  };
  for (const auto& c : kCases) {
    std::vector<std::string> arguments = {"models", "pull"};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const Result result = Run(arguments);
    EXPECT_EQ(result.status, c.status) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(c.message));
  }
  EXPECT_THAT(Run({"help", "models", "pull"}).out,
              HasSubstr("Usage: chorus models pull [OPTIONS]"));
}

}  // namespace
}  // namespace chorus
