#include "runner_server/model/architectures/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// As the row of this model_type reads it.
absl::StatusOr<Architecture> Read(const std::string& model_type, const json& config) {
  for (const ArchitectureRow& row : ArchitectureTable()) {
    if (row.model_type != model_type) continue;
    ConfigReader reader(config);
    const Architecture architecture = row.read(reader);
    if (!reader.status().ok()) return reader.status();
    return architecture;
  }
  return absl::NotFoundError(model_type);
}

const std::vector<std::string>& Labels(const Architecture& architecture) {
  return std::get<ClassificationHead>(architecture.head).labels;
}

TEST(ReadGpt2, HasHuggingFacesDefaults) {
  const absl::StatusOr<Architecture> gpt2 = Read("gpt2", json::object());
  ASSERT_TRUE(gpt2.ok()) << gpt2.status();
  EXPECT_EQ(gpt2->vocab_size, 50257);
  EXPECT_EQ(gpt2->context_size, 1024);
  EXPECT_EQ(gpt2->num_positions(), 1024);
  EXPECT_EQ(gpt2->hidden_size, 768);
  EXPECT_EQ(gpt2->num_layers, 12);
  EXPECT_EQ(gpt2->num_heads, 12);
  EXPECT_EQ(gpt2->num_kv_heads, 12);
  EXPECT_EQ(gpt2->head_size, 64);
  EXPECT_EQ(gpt2->inner_size, 3072);
  EXPECT_EQ(gpt2->activation, Activation::kGeluTanh);
  EXPECT_EQ(gpt2->norm_epsilon, 1e-5f);
  EXPECT_EQ(gpt2->attention.size(), 12u);
  EXPECT_EQ(gpt2->attention[11].scale, 0.125f);
  const auto& head = std::get<LanguageModelHead>(gpt2->head);
  EXPECT_TRUE(head.tied);
  EXPECT_EQ(head.bos_token_id, 50256);
  EXPECT_THAT(head.eos_token_ids, ElementsAre(50256));
}

TEST(ReadGpt2, ReadsEveryField) {
  const absl::StatusOr<Architecture> gpt2 = Read("gpt2", json::parse(R"({
      "vocab_size": 100, "n_positions": 10, "n_embd": 12, "n_layer": 3, "n_head": 4, "n_inner": 7,
      "activation_function": "relu", "layer_norm_epsilon": 0.5, "scale_attn_weights": false,
      "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": null})"));
  ASSERT_TRUE(gpt2.ok()) << gpt2.status();
  EXPECT_EQ(gpt2->vocab_size, 100);
  EXPECT_EQ(gpt2->context_size, 10);
  EXPECT_EQ(gpt2->hidden_size, 12);
  EXPECT_EQ(gpt2->num_layers, 3);
  EXPECT_EQ(gpt2->num_heads, 4);
  EXPECT_EQ(gpt2->inner_size, 7);
  EXPECT_EQ(gpt2->activation, Activation::kRelu);
  EXPECT_EQ(gpt2->norm_epsilon, 0.5f);
  EXPECT_EQ(gpt2->attention[2].scale, 1.0f);
  const auto& head = std::get<LanguageModelHead>(gpt2->head);
  EXPECT_FALSE(head.tied);
  EXPECT_EQ(head.bos_token_id, 1);
  EXPECT_THAT(head.eos_token_ids, testing::IsEmpty());
}

TEST(ReadGpt2, ReadsEndTokensAsHuggingFaceDoes) {
  const auto ends = [](const json& value) {
    return std::get<LanguageModelHead>(
               Read("gpt2", {{"vocab_size", 100}, {"eos_token_id", value}})->head)
        .eos_token_ids;
  };
  EXPECT_THAT(ends(7), ElementsAre(7));
  EXPECT_THAT(ends({7, 99}), ElementsAre(7, 99));
  EXPECT_THAT(ends(nullptr), testing::IsEmpty());
  EXPECT_THAT(ends(json::array()), testing::IsEmpty());
  // Ids that no text has end none.
  EXPECT_THAT(ends({-1, 3, 100, 18446744073709551615u}), ElementsAre(3));
  const auto gpt2 = Read("gpt2", {{"vocab_size", 100}, {"bos_token_id", 100}});
  EXPECT_EQ(std::get<LanguageModelHead>(gpt2->head).bos_token_id, -1);
  EXPECT_THAT(std::get<LanguageModelHead>(gpt2->head).eos_token_ids, testing::IsEmpty());
}

TEST(ReadGpt2, ScalesScoresByLayer) {
  const absl::StatusOr<Architecture> gpt2 =
      Read("gpt2", {{"n_layer", 4}, {"scale_attn_by_inverse_layer_idx", true}});
  ASSERT_TRUE(gpt2.ok()) << gpt2.status();
  EXPECT_EQ(gpt2->attention[0].scale, 0.125f);
  EXPECT_EQ(gpt2->attention[3].scale, 0.125f / 4);
}

TEST(ReadGpt2, AnInnerSizeOfNullIsFourTimesTheWidth) {
  EXPECT_EQ(Read("gpt2", {{"n_embd", 24}, {"n_inner", nullptr}})->inner_size, 96);
}

// One field with a value that must be refused, and what the message must say.
struct Refusal {
  std::string field;
  json value;
  std::string message;
};

void ExpectRefusals(const std::string& model_type, const std::vector<Refusal>& refusals) {
  for (const auto& [field, value, message] : refusals) {
    const absl::Status status = Read(model_type, {{field, value}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

TEST(ReadGpt2, RefusesByName) {
  ExpectRefusals(
      "gpt2", {{"activation_function", "prelu", "activation_function must be one of gelu, "},
               {"activation_function", 1, "activation_function must be a string: 1"},
               {"add_cross_attention", true, "add_cross_attention is implemented for false alone"},
               {"n_embd", 770, "n_embd must be a multiple of n_head 12: 770"},
               {"n_embd", -1, "n_embd must be an integer from 1 to 65536: -1"},
               {"n_embd", 1e30, "n_embd must be an integer"},
               {"n_embd", "768", "n_embd must be an integer"},
               {"n_layer", 0, "n_layer must be"},
               {"n_layer", 1.5, "n_layer must be an integer"},
               {"n_head", 18446744073709551615u, "n_head must be an integer"},
               {"vocab_size", 1 << 30, "vocab_size must be"},
               {"layer_norm_epsilon", "0", "layer_norm_epsilon must be a number"},
               {"layer_norm_epsilon", -1e-5, "layer_norm_epsilon must be a number from 0"},
               {"tie_word_embeddings", 1, "tie_word_embeddings must be true or false: 1"},
               {"eos_token_id", "</s>", "eos_token_id must be an integer or a list of integers"},
               {"eos_token_id", json::array({1, 2.5}), "eos_token_id must be an integer or a list"},
               {"bos_token_id", true, "bos_token_id must be an integer or a list"}});
}

TEST(ReadBert, HasHuggingFacesDefaults) {
  const absl::StatusOr<Architecture> bert = Read("bert", json::object());
  ASSERT_TRUE(bert.ok()) << bert.status();
  EXPECT_EQ(bert->vocab_size, 30522);
  EXPECT_EQ(bert->context_size, 512);
  EXPECT_EQ(bert->num_positions(), 512);
  EXPECT_EQ(bert->hidden_size, 768);
  EXPECT_EQ(bert->num_layers, 12);
  EXPECT_EQ(bert->num_heads, 12);
  EXPECT_EQ(bert->inner_size, 3072);
  EXPECT_EQ(bert->num_token_types, 2);
  EXPECT_EQ(bert->activation, Activation::kGeluErf);
  EXPECT_EQ(bert->norm_epsilon, 1e-12f);
  EXPECT_THAT(Labels(*bert), ElementsAre("LABEL_0", "LABEL_1"));
}

TEST(ReadClassificationHead, OrdersLabelsByIndex) {
  json names;
  for (int i = 0; i < 11; ++i) names[absl::StrCat(i)] = absl::StrCat("L", i);
  const absl::StatusOr<Architecture> bert = Read("bert", {{"id2label", names}});
  ASSERT_TRUE(bert.ok()) << bert.status();
  EXPECT_EQ(Labels(*bert)[2], "L2");
  EXPECT_EQ(Labels(*bert)[10], "L10");
  EXPECT_EQ(Labels(*Read("bert", {{"num_labels", 5}})).size(), 5u);
}

// As transformers' text-classification pipeline chooses.
TEST(ReadClassificationHead, ChoosesWhatMakesScoresOfLogits) {
  const auto function = [](const json& config) {
    const absl::StatusOr<Architecture> bert = Read("bert", config);
    EXPECT_TRUE(bert.ok()) << bert.status();
    return std::get<ClassificationHead>(bert->head).function;
  };
  const std::string kProblem = "problem_type";
  EXPECT_EQ(function(json::object()), ScoreFunction::kSoftmax);
  EXPECT_EQ(function({{"num_labels", 1}}), ScoreFunction::kSigmoid);
  EXPECT_EQ(function({{"id2label", {{"0", "ONLY"}}}}), ScoreFunction::kSigmoid);
  EXPECT_EQ(function({{kProblem, nullptr}, {"num_labels", 40}}), ScoreFunction::kSoftmax);
  EXPECT_EQ(function({{kProblem, "single_label_classification"}}), ScoreFunction::kSoftmax);
  EXPECT_EQ(function({{kProblem, "multi_label_classification"}}), ScoreFunction::kSigmoid);
  EXPECT_EQ(function({{kProblem, "regression"}, {"num_labels", 1}}), ScoreFunction::kNone);
  EXPECT_EQ(function({{kProblem, "regression"}, {"num_labels", 3}}), ScoreFunction::kNone);
}

TEST(ReadClassificationHead, TakesAListOfLabelsOfAnyLength) {
  json names;
  for (int i = 0; i < 30'000; ++i) names[absl::StrCat(i)] = absl::StrCat("L", i);
  const absl::StatusOr<Architecture> bert = Read("bert", {{"id2label", names}});
  ASSERT_TRUE(bert.ok()) << bert.status();
  EXPECT_EQ(Labels(*bert).size(), 30'000u);
  EXPECT_EQ(Labels(*bert)[29'999], "L29999");
  EXPECT_EQ(bert->num_values(), 30'000);
}

TEST(ReadClassificationHead, RefusesByName) {
  const json gap = {{"0", "A"}, {"2", "B"}};
  const json number = {{"0", "A"}, {"1", 7}};
  for (const char* model_type : {"bert", "distilbert", "roberta"}) {
    ExpectRefusals(model_type,
                   {{"problem_type", "ranking", "problem_type must be regression, single_label"},
                    {"num_labels", 0, "num_labels must be"},
                    {"num_labels", 2'000'000, "num_labels must be"},
                    {"id2label", gap, "id2label must give every index"},
                    {"id2label", number, "id2label must give every index"},
                    {"id2label", json::array({"A", "B"}), "id2label must give every index"},
                    {"id2label", json::object(), "id2label must give every index"}});
  }
}

TEST(ReadDistilBert, HasHuggingFacesDefaults) {
  const absl::StatusOr<Architecture> bert = Read("distilbert", json::object());
  ASSERT_TRUE(bert.ok()) << bert.status();
  EXPECT_EQ(bert->vocab_size, 30522);
  EXPECT_EQ(bert->context_size, 512);
  EXPECT_EQ(bert->hidden_size, 768);
  EXPECT_EQ(bert->num_layers, 6);
  EXPECT_EQ(bert->num_heads, 12);
  EXPECT_EQ(bert->inner_size, 3072);
  EXPECT_EQ(bert->names.token_type_embedding, "");
  EXPECT_EQ(bert->activation, Activation::kGeluErf);
  EXPECT_EQ(std::get<ClassificationHead>(bert->head).activation, Activation::kRelu);
}

TEST(ReadDistilBert, RefusesByName) {
  ExpectRefusals("distilbert", {{"activation", "prelu", "activation must be one of gelu, "},
                                {"dim", 770, "dim must be a multiple of n_heads 12: 770"},
                                {"n_layers", 0, "n_layers must be"}});
}

TEST(ReadRoberta, CountsPositionsFromBehindThePaddingToken) {
  const absl::StatusOr<Architecture> roberta = Read("roberta", {{"max_position_embeddings", 514}});
  ASSERT_TRUE(roberta.ok()) << roberta.status();
  EXPECT_EQ(roberta->vocab_size, 50265);
  EXPECT_EQ(roberta->padding_id, 1);
  EXPECT_EQ(roberta->context_size, 512);
  EXPECT_EQ(roberta->num_positions(), 514);
  EXPECT_EQ(Read("roberta", json::object())->context_size, 510);
  EXPECT_EQ(Read("roberta", {{"pad_token_id", 0}})->context_size, 511);
}

TEST(ReadAlbert, LayersAreGroupsAppliedInTurn) {
  const auto albert =
      Read("albert", {{"num_hidden_layers", 5}, {"num_hidden_groups", 2}, {"inner_group_num", 2}});
  ASSERT_TRUE(albert.ok()) << albert.status();
  EXPECT_EQ(albert->num_layers, 10);
  EXPECT_EQ(albert->attention.size(), 10u);
  EXPECT_THAT(albert->stored_layer, ElementsAre(0, 1, 0, 1, 0, 1, 2, 3, 2, 3));
  EXPECT_EQ(albert->num_stored_layers(), 4);
  EXPECT_EQ(LayerName(*albert, 3, "ffn"), "encoder.albert_layer_groups.1.albert_layers.1.ffn");
  EXPECT_EQ(Read("albert", json::object())->num_stored_layers(), 1);
  EXPECT_EQ(Read("bert", json::object())->num_stored_layers(), 12);
}

TEST(ReadAlbert, RefusesByName) {
  ExpectRefusals("albert",
                 {{"num_hidden_groups", 13, "num_hidden_groups must be an integer from 1 to 12"},
                  {"inner_group_num", 0, "inner_group_num must be an integer from 1"}});
}

TEST(ReadRoberta, RefusesByName) {
  ExpectRefusals(
      "roberta",
      {{"pad_token_id", -1, "pad_token_id must be an integer from 0 to 50264: -1"},
       {"max_position_embeddings", 2, "max_position_embeddings must be an integer from 3"},
       {"is_decoder", true, "is_decoder"}});
}

TEST(ReadBert, RefusesByName) {
  ExpectRefusals(
      "bert",
      {{"hidden_act", "prelu", "hidden_act must be one of gelu, "},
       {"position_embedding_type", "relative_key", "position_embedding_type is implemented for"},
       {"is_decoder", true, "is_decoder is implemented for false alone: true"},
       {"add_cross_attention", true, "add_cross_attention"},
       {"hidden_size", 770, "must be a multiple of num_attention_heads 12: 770"}});
}

}  // namespace
}  // namespace chorus::runner
