#include "runner_server/model/sentence_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using testing::HasSubstr;

constexpr char kTransformer[] =
    R"({"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"})";
constexpr char kPooling[] =
    R"({"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"})";
constexpr char kNormalize[] =
    R"({"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"})";

class SentenceModulesTest : public testing::Test {
 protected:
  void Put(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << text;
  }
  absl::StatusOr<std::optional<SentenceModules>> Read() {
    return ReadSentenceModules(folder_.path());
  }
  void ExpectRefusal(const std::string& message) {
    const absl::Status status = Read().status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_THAT(std::string(status.message()), HasSubstr(folder_.path().native()));
  }

  const TemporaryDirectory folder_{"sentence_modules"};
};

TEST_F(SentenceModulesTest, AFolderWithoutThemHasNone) {
  ASSERT_TRUE(Read().ok());
  EXPECT_FALSE(Read()->has_value());
}

TEST_F(SentenceModulesTest, ReadsPoolingNormAndBound) {
  Put("modules.json", std::string("[") + kTransformer + "," + kPooling + "," + kNormalize + "]");
  Put("1_Pooling/config.json",
      R"({"word_embedding_dimension": 384, "pooling_mode_cls_token": false,
          "pooling_mode_mean_tokens": true, "include_prompt": true})");
  Put("sentence_bert_config.json", R"({"max_seq_length": 256, "do_lower_case": false})");
  const auto modules = Read();
  ASSERT_TRUE(modules.ok() && modules->has_value()) << modules.status();
  EXPECT_EQ((*modules)->pooling, Pooling::kMean);
  EXPECT_TRUE((*modules)->normalizes);
  EXPECT_EQ((*modules)->max_text_tokens, 256);
}

TEST_F(SentenceModulesTest, ReadsTheFirstTokensPoolingWithoutANorm) {
  Put("modules.json", std::string("[") + kTransformer + "," + kPooling + "]");
  Put("1_Pooling/config.json",
      R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})");
  const auto modules = Read();
  ASSERT_TRUE(modules.ok() && modules->has_value()) << modules.status();
  EXPECT_EQ((*modules)->pooling, Pooling::kFirstToken);
  EXPECT_FALSE((*modules)->normalizes);
  EXPECT_EQ((*modules)->max_text_tokens, INT_MAX);
}

TEST_F(SentenceModulesTest, RefusesWhatIsNotImplemented) {
  Put("modules.json", std::string("[") + kTransformer + "," + kPooling +
                          R"(,{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])");
  Put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  ExpectRefusal("Chorus implements the modules Transformer, Pooling and Normalize: Dense");
  Put("modules.json", std::string("[") + kPooling + "]");
  for (const auto& [config, message] : std::vector<std::pair<std::string, std::string>>{
           {R"({"pooling_mode_max_tokens": true})", ": max_tokens"},
           {R"({"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": true})",
            ": max_tokens mean_tokens"},
           {"{}", ": none"},
           {"[]", "must hold a JSON object"}}) {
    Put("1_Pooling/config.json", config);
    ExpectRefusal(message);
  }
  Put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  for (const auto& [config, message] : std::vector<std::pair<std::string, std::string>>{
           {R"({"max_seq_length": 1})", "max_seq_length must be an integer from 2"},
           {R"({"do_lower_case": true})", "do_lower_case is implemented for false alone"}}) {
    Put("sentence_bert_config.json", config);
    ExpectRefusal(message);
  }
}

TEST_F(SentenceModulesTest, RefusesWhatIsMalformed) {
  for (const auto& [modules, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "modules.json: is no JSON"},
           {"{}", "must be a list of modules"},
           {"[]", "has no module Pooling"},
           {R"([{"type": "x.Transformer", "path": "0_Transformer"}])",
            "must lie in this folder itself, its path be empty: 0_Transformer"},
           {"[7]", "a module must be an object with a type and a path: 7"},
           {R"([{"type": 7}])", "a module must be an object"},
           {R"([{"type": "x.Pooling", "path": 7}])", "a module must be an object"},
           {R"([{"type": "x.Pooling", "path": "../secrets"}])", "must be 1_Pooling: ../secrets"},
           {std::string(100'000, '['), "nested deeper"}}) {
    Put("modules.json", modules);
    ExpectRefusal(message);
  }
  Put("modules.json", std::string("[") + kPooling + "]");
  ExpectRefusal("1_Pooling/config.json");  // It is not there.
}

}  // namespace
}  // namespace chorus::runner
