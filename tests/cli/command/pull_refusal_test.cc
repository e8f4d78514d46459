// What `chorus models pull` refuses as the runner would, from a hub of the test.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/cli/command/command_fixture.h"
#include "tests/model_store/hub/scripted_hub.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PullRefusalTest : public CommandTest {
 protected:
  PullRefusalTest() {
    environment_["HF_ENDPOINT"] = hub_.url();
    environment_["HOME"] = temp_ / "user";
    environment_["no_proxy"] = "127.0.0.1";
    for (const char* name : {"HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME"}) environment_[name] = "";
  }

  store::ScriptedHub hub_;
};

// Before anything large is fetched.
TEST_F(PullRefusalTest, SaysWhatTheRunnerWould) {
  const std::string gpt2 = GetFile("models/demo/gpt2/config.json");
  nlohmann::json headless = nlohmann::json::parse(GetFile("models/demo/bert-sst2/config.json"));
  headless["architectures"] = {"BertModel"};
  nlohmann::json other_head = headless;
  other_head["architectures"] = {"BertForTokenClassification"};
  nlohmann::json larger = nlohmann::json::parse(GetFile("models/demo/bert-sst2/config.json"));
  larger["vocab_size"] = 30522;
  nlohmann::json compiled = nlohmann::json::parse(gpt2);
  compiled["chorus_compiled"] = {
      {"vocab_size", 1024}, {"context_size", 64}, {"num_values", 2}, {"output", "logits"}};
  const struct {
    std::string folder;
    std::map<std::string, std::string> files;  // In place of the folder's.
    std::string message;
  } kCases[] = {
      {"gpt2",
       {{"config.json", R"({"architectures": ["WhisperForConditionalGeneration"]})"}},
       "config.json: architectures must name one of GPT2LMHeadModel, "},
      {"gpt2",
       {{"config.json", R"({"architectures": ["GPT2LMHeadModel"], "n_layer": 0})"}},
       "config.json: n_layer must be an integer from 1"},
      {"gpt2", {{"config.json", "["}}, "config.json: line 1, column 2: "},
      {"gpt2",
       {{"config.json", compiled.dump()}, {"model.pt2", "code"}},
       "it is compiled, and native code is taken from no hub"},
      {"gpt2",
       {{"generation_config.json", R"({"top_p": "3"})"}},
       "generation_config.json: top_p must be a number: \"3\""},
      {"bert-sst2",
       {{"config.json", other_head.dump()}},
       "config.json: this model is a BertForTokenClassification and has no classification head"},
      {"gpt2", {{"tokenizer.json", "{}"}}, "tokenizer.json: "},
      {"gpt2", {{"merges.txt", "#version: 0.2\nq\n"}}, "merges.txt: line 2"},
      {"bert-sst2",
       {{"config.json", larger.dump()}, {"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nth"}},
       "which padding does not explain, and the last line of vocab.txt has no end"},
      {"bert-sst2", {{"vocab.txt", "[UNK\n"}}, "[UNK]"},
      {"bert-sst2",
       {{"config.json", headless.dump()},
        {"modules.json", R"([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])"}},
       "modules.json: "},
  };
  for (const auto& c : kCases) {
    std::map<std::string, std::string> files = c.files;
    for (const auto& entry : fs::directory_iterator("models/demo/" + c.folder)) {
      files.emplace(entry.path().filename(), GetFile(entry.path()));  // Unless it is there.
    }
    hub_.SetModel("a/b", files);
    const Result result = Run({"models", "pull", "mine", "--from", "a/b"});
    EXPECT_EQ(result.status, 1) << c.message;
    EXPECT_THAT(result.err, AllOf(HasSubstr("cannot use a/b@main: "), HasSubstr(c.message)));
    EXPECT_THAT(hub_.RequestsFor("model.safetensors"), IsEmpty());
  }
}

}  // namespace
}  // namespace chorus
