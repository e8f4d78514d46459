#include "runner_server/model/sentence_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
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
    return ReadSentenceModules(folder_.path(), /*hidden_size=*/8);
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
  EXPECT_EQ((*modules)->head.pooling, Pooling::kMean);
  EXPECT_TRUE((*modules)->head.normalizes);
  EXPECT_EQ((*modules)->max_text_tokens, 256);
}

TEST_F(SentenceModulesTest, ReadsTheFirstTokensPoolingWithoutANorm) {
  Put("modules.json", std::string("[") + kTransformer + "," + kPooling + "]");
  Put("1_Pooling/config.json",
      R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})");
  const auto modules = Read();
  ASSERT_TRUE(modules.ok() && modules->has_value()) << modules.status();
  EXPECT_EQ((*modules)->head.pooling, Pooling::kFirstToken);
  EXPECT_FALSE((*modules)->head.normalizes);
  EXPECT_EQ((*modules)->max_text_tokens, INT_MAX);
}

// As LaBSE has them, and early versions wrote them.
TEST_F(SentenceModulesTest, ReadsDenseLayersAndAnOldLayout) {
  Put("modules.json",
      std::string(R"([{"path": "0_Transformer", "type": "x.Transformer"},)") + kPooling +
          R"(,{"path": "2_Dense", "type": "x.Dense"}, {"path": "3_Dense", "type": "x.Dense"},)" +
          kNormalize + "]");
  Put("1_Pooling/config.json", R"({"pooling_mode_cls_token": true})");
  Put("2_Dense/config.json",
      R"({"in_features": 8, "out_features": 5, "bias": true,
          "activation_function": "torch.nn.modules.activation.Tanh"})");
  Put("3_Dense/config.json",
      R"({"in_features": 5, "out_features": 6, "bias": false,
          "activation_function": "torch.nn.modules.linear.Identity"})");
  Put("0_Transformer/sentence_distilbert_config.json", R"({"max_seq_length": 64})");
  const auto modules = Read();
  ASSERT_TRUE(modules.ok() && modules->has_value()) << modules.status();
  const EmbeddingHead& head = (*modules)->head;
  ASSERT_EQ(head.dense.size(), 2u);
  EXPECT_EQ(head.dense[0].name, "2_Dense");
  EXPECT_EQ(head.dense[0].out, 5);
  EXPECT_TRUE(head.dense[0].has_bias);
  EXPECT_EQ(head.dense[0].activation, Activation::kTanh);
  EXPECT_EQ(head.dense[1].in, 5);
  EXPECT_EQ(head.dense[1].out, 6);
  EXPECT_FALSE(head.dense[1].has_bias);
  EXPECT_EQ(head.dense[1].activation, Activation::kNone);
  EXPECT_TRUE(head.normalizes);
  EXPECT_EQ((*modules)->max_text_tokens, 64);
}

TEST_F(SentenceModulesTest, ReadsWhatIsMadeOfTexts) {
  Put("modules.json", std::string("[") + kTransformer + "," + kPooling + "]");
  Put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  EXPECT_EQ((*Read())->head.text.prompt, "");
  EXPECT_TRUE((*Read())->head.text.strips);
  EXPECT_FALSE((*Read())->head.text.lowers);
  EXPECT_TRUE((*Read())->head.pools_prompt);
  for (const char* none : {R"({"prompts": {"query": "q: "}, "default_prompt_name": null})",
                           R"({"prompts": {"query": "q: "}})", R"({"prompts": null})", "{}",
                           R"({"prompts": {"other": "q: "}, "default_prompt_name": "query"})"}) {
    Put("config_sentence_transformers.json", none);
    ASSERT_TRUE(Read().ok()) << Read().status();
    EXPECT_EQ((*Read())->head.text.prompt, "") << none;
  }
  Put("config_sentence_transformers.json",
      R"({"prompts": {"query": "q: ", "document": "d: "}, "default_prompt_name": "query"})");
  Put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true, "include_prompt": false})");
  Put("sentence_bert_config.json", R"({"do_lower_case": true})");
  EXPECT_EQ((*Read())->head.text.prompt, "q: ");
  EXPECT_TRUE((*Read())->head.text.lowers);
  EXPECT_FALSE((*Read())->head.pools_prompt);
}

TEST_F(SentenceModulesTest, RefusesAPromptThatIsNotThere) {
  Put("modules.json", std::string("[") + kTransformer + "," + kPooling + "]");
  Put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  for (const auto& [config, message] : std::vector<std::pair<std::string, std::string>>{
           {R"({"default_prompt_name": "other"})", "no text for default_prompt_name: other"},
           {R"({"prompts": {}, "default_prompt_name": "other"})", "default_prompt_name: other"},
           {R"({"prompts": ["other"], "default_prompt_name": "other"})", "_name: other"},
           {R"({"prompts": {"other": 7}, "default_prompt_name": "other"})", "_name: other"},
           {R"({"default_prompt_name": 7})", "default_prompt_name must be a string"}}) {
    Put("config_sentence_transformers.json", config);
    ExpectRefusal(message);
  }
}

TEST_F(SentenceModulesTest, RefusesADenseLayerThatDoesNotFit) {
  Put("modules.json", std::string("[") + kTransformer + "," + kPooling +
                          R"(,{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])");
  Put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  ExpectRefusal("2_Dense/config.json");  // It is not there.
  for (const auto& [config, message] : std::vector<std::pair<std::string, std::string>>{
           {R"({"in_features": 9, "out_features": 4})", "size of what comes before, 8: 9"},
           {R"({"in_features": 8})", "out_features: missing"},
           {R"({"in_features": 8, "out_features": 0})", "out_features must be an integer from 1"},
           {R"({"in_features": 8, "out_features": 4, "activation_function": "a.Softplus"})",
            "activation_function is not implemented: a.Softplus"},
           {R"({"in_features": 8, "out_features": 4, "module_input_name": "token_embeddings"})",
            "module_input_name is implemented for"},
           {R"({"in_features": 8, "out_features": 4, "module_output_name": "x"})",
            "module_output_name is implemented for"},
           {R"({"in_features": 8, "out_features": 4, "use_residual": 1})",
            "use_residual must be true or false"},
           {R"({"in_features": 8, "out_features": 4, "init_bias": [1]})",
            "init_bias is not implemented: [1]"}}) {
    Put("2_Dense/config.json", config);
    ExpectRefusal(message);
  }
}

TEST_F(SentenceModulesTest, RefusesWhatIsNotImplemented) {
  Put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  for (const auto& [second, message] : std::vector<std::pair<std::string, std::string>>{
           {R"({"path": "2_CNN", "type": "sentence_transformers.models.CNN"})",
            "Chorus implements the modules Transformer, Pooling, Dense and Normalize: CNN"},
           {kTransformer, "Dense and Normalize: Transformer"},
           {kPooling, "out of its place is a: Pooling"},
           {std::string(kNormalize) + R"(,{"path": "3_Dense", "type": "x.Dense"})",
            "out of its place is a: Dense"}}) {
    Put("modules.json", std::string("[") + kTransformer + "," + kPooling + "," + second + "]");
    ExpectRefusal(message);
  }
  Put("modules.json", std::string("[") + kTransformer + "," + kNormalize + "]");
  ExpectRefusal("out of its place is a: Normalize");
  Put("modules.json", std::string("[") + kPooling + "]");
  for (const auto& [config, message] : std::vector<std::pair<std::string, std::string>>{
           {R"({"pooling_mode_max_tokens": true})", "one of mean and cls: max"},
           {R"({"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": true})", ": max mean"},
           {R"({"pooling_mode": "lasttoken"})", "one of mean and cls: lasttoken"},
           {R"({"pooling_mode": ["cls", "mean"]})", "one of mean and cls: cls mean"},
           {R"({"pooling_mode": []})", "one of mean and cls: none"},
           {R"({"pooling_mode": 7})", "pooling_mode must be a list of strings"},
           {R"({"pooling_mode_mean_tokens": 1})", "pooling_mode_mean_tokens must be true or false"},
           {R"({"pooling_mode_of_tomorrow": true})", "pooling_mode_of_tomorrow is not implemented"},
           {R"({"include_prompt": 1})", "include_prompt must be true or false"},
           {"[]", "must hold a JSON object"}}) {
    Put("1_Pooling/config.json", config);
    ExpectRefusal(message);
  }
  Put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  for (const auto& [config, message] : std::vector<std::pair<std::string, std::string>>{
           {R"({"max_seq_length": 1})", "max_seq_length must be an integer from 2"},
           {R"({"transformer_task": "fill-mask"})", "transformer_task is implemented for"},
           {R"({"module_output_name": "sentence_embedding"})", "module_output_name is implemented"},
           {R"({"modality_config": {"image": {}}})", "modality_config has no text"},
           {R"({"modality_config": {"text": {"method": "encode"}}})", "text.method is implemented"},
           {R"({"modality_config": {"text": {"method_output_name": "pooler_output"}}})",
            "method_output_name is implemented for \"last_hidden_state\" alone: pooler_output"},
           {R"({"processing_kwargs": {"text": {"max_length": 7}}})",
            "processing_kwargs is not impl"},
           {R"({"query_expansion": {"length": 32}})", "query_expansion is not implemented"}}) {
    Put("sentence_bert_config.json", config);
    ExpectRefusal(message);
  }
}

TEST_F(SentenceModulesTest, ReadsThePoolingByTodaysKeyAndByTheOld) {
  Put("modules.json", std::string("[") + kTransformer + "," + kPooling + "]");
  for (const auto& [config, pooling] : std::vector<std::pair<std::string, Pooling>>{
           {R"({"embedding_dimension": 8, "pooling_mode": "mean"})", Pooling::kMean},
           {R"({"embedding_dimension": 8, "pooling_mode": "cls"})", Pooling::kFirstToken},
           {R"({"pooling_mode": ["cls"]})", Pooling::kFirstToken},
           {R"({"pooling_mode": "cls", "pooling_mode_max_tokens": true})", Pooling::kFirstToken},
           {R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})",
            Pooling::kFirstToken},
           {R"({"pooling_mode_mean_tokens": false})", Pooling::kMean},
           {R"({"pooling_mode": null})", Pooling::kMean},
           {"{}", Pooling::kMean}}) {
    Put("1_Pooling/config.json", config);
    ASSERT_TRUE(Read().ok()) << config << Read().status();
    EXPECT_EQ((*Read())->head.pooling, pooling) << config;
  }
}

// What version 6 of the library writes.
TEST_F(SentenceModulesTest, ReadsTodaysFiles) {
  constexpr char kBase[] = R"("type": "sentence_transformers.base.modules.)";
  constexpr char kOfTexts[] =
      R"("module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding")";
  Put("modules.json",
      absl::StrCat("[{\"path\": \"\", ", kBase, R"(transformer.Transformer"},)",
                   R"({"path": "1_Pooling", "type":)",
                   R"( "sentence_transformers.sentence_transformer.modules.pooling.Pooling"},)",
                   "{\"path\": \"2_Dense\", ", kBase, R"(dense.Dense"},)",
                   "{\"path\": \"3_Dense\", ", kBase, R"(dense.Dense"},)",
                   "{\"path\": \"4_Normalize\", ", kBase, R"(normalize.Normalize"}])"));
  Put("1_Pooling/config.json",
      R"({"embedding_dimension": 8, "pooling_mode": "mean", "include_prompt": true})");
  Put("2_Dense/config.json",
      absl::StrCat(R"({"in_features": 8, "out_features": 8, "use_residual": true, )", kOfTexts,
                   "}"));
  Put("3_Dense/config.json",
      absl::StrCat(R"({"in_features": 8, "out_features": 5, "use_residual": true, )", kOfTexts,
                   "}"));
  Put("4_Normalize/config.json", absl::StrCat("{", kOfTexts, "}"));
  Put("sentence_bert_config.json",
      R"({"transformer_task": "feature-extraction", "module_output_name": "token_embeddings",
          "modality_config": {"text": {"method": "forward",
                                       "method_output_name": "last_hidden_state"}}})");
  const auto modules = Read();
  ASSERT_TRUE(modules.ok() && modules->has_value()) << modules.status();
  const EmbeddingHead& head = (*modules)->head;
  ASSERT_EQ(head.dense.size(), 2u);
  EXPECT_TRUE(head.dense[0].adds_input);
  EXPECT_FALSE(head.dense[0].projects_input());
  EXPECT_TRUE(head.dense[1].projects_input());
  EXPECT_TRUE(head.normalizes);
  Put("4_Normalize/config.json", R"({"module_input_name": "token_embeddings"})");
  ExpectRefusal("4_Normalize/config.json: module_input_name is implemented for");
  Put("4_Normalize/config.json", R"({"p": 1})");
  ExpectRefusal("p is not implemented: 1");
}

TEST_F(SentenceModulesTest, RefusesWhatIsMalformed) {
  for (const auto& [modules, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "modules.json: is no JSON"},
           {"{}", "must be a list of modules"},
           {"[]", "has no module Pooling"},
           {R"([{"type": "x.Transformer", "path": "../0_Transformer"}])",
            "must be empty or such as 0_Transformer: ../0_Transformer"},
           {R"([{"type": "x.Pooling", "path": "../secrets"}])",
            "the path of Pooling must be such as 1_Pooling: ../secrets"}}) {
    Put("modules.json", modules);
    ExpectRefusal(message);
  }
  Put("modules.json", std::string("[") + kPooling + "]");
  ExpectRefusal("1_Pooling/config.json");  // It is not there.
}

}  // namespace
}  // namespace chorus::runner
