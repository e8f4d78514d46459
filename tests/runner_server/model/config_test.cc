#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "runner_server/model/bert_config.h"
#include "runner_server/model/gpt2_config.h"

namespace chorus {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ParseGpt2Config, HasHuggingFacesDefaults) {
  const absl::StatusOr<Gpt2Config> config = ParseGpt2Config(json::object());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vocab_size, 50257);
  EXPECT_EQ(config->context_size, 1024);
  EXPECT_EQ(config->hidden_size, 768);
  EXPECT_EQ(config->num_layers, 12);
  EXPECT_EQ(config->num_heads, 12);
  EXPECT_EQ(config->inner_size, 3072);
  EXPECT_EQ(config->activation, Activation::kGeluTanh);
  EXPECT_EQ(config->layer_norm_epsilon, 1e-5f);
  EXPECT_TRUE(config->scale_attention);
  EXPECT_TRUE(config->tied_head);
  EXPECT_EQ(config->bos_token_id, 50256);
  EXPECT_EQ(config->eos_token_id, 50256);
}

TEST(ParseGpt2Config, ReadsEveryField) {
  const absl::StatusOr<Gpt2Config> config = ParseGpt2Config(json::parse(R"({
      "vocab_size": 100, "n_positions": 10, "n_embd": 12, "n_layer": 3, "n_head": 4, "n_inner": 7,
      "activation_function": "relu", "layer_norm_epsilon": 0.5, "scale_attn_weights": false,
      "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": null})"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vocab_size, 100);
  EXPECT_EQ(config->context_size, 10);
  EXPECT_EQ(config->hidden_size, 12);
  EXPECT_EQ(config->num_layers, 3);
  EXPECT_EQ(config->num_heads, 4);
  EXPECT_EQ(config->inner_size, 7);
  EXPECT_EQ(config->activation, Activation::kRelu);
  EXPECT_EQ(config->layer_norm_epsilon, 0.5f);
  EXPECT_FALSE(config->scale_attention);
  EXPECT_FALSE(config->tied_head);
  EXPECT_EQ(config->bos_token_id, 1);
  EXPECT_EQ(config->eos_token_id, -1);
}

TEST(ParseGpt2Config, AnInnerSizeOfNullIsFourTimesTheWidth) {
  EXPECT_EQ(ParseGpt2Config({{"n_embd", 24}, {"n_inner", nullptr}})->inner_size, 96);
}

// One field with a value that must be refused, and what the message must say.
struct Refusal {
  std::string field;
  json value;
  std::string message;
};

TEST(ParseGpt2Config, RefusesByName) {
  for (const auto& [field, value, message] : std::vector<Refusal>{
           {"activation_function", "silu", "activation_function must be gelu_new"},
           {"activation_function", 1, "activation_function must be a string: 1"},
           {"scale_attn_by_inverse_layer_idx", true, "scale_attn_by_inverse_layer_idx"},
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
           {"eos_token_id", json::array({1, 2}), "eos_token_id must be an integer"},
           {"bos_token_id", 50257, "bos_token_id must be an integer from 0 to 50256: 50257"}}) {
    const absl::Status status = ParseGpt2Config({{field, value}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

TEST(ParseBertConfig, HasHuggingFacesDefaults) {
  const absl::StatusOr<BertConfig> config = ParseBertConfig(json::object());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vocab_size, 30522);
  EXPECT_EQ(config->context_size, 512);
  EXPECT_EQ(config->hidden_size, 768);
  EXPECT_EQ(config->num_layers, 12);
  EXPECT_EQ(config->num_heads, 12);
  EXPECT_EQ(config->inner_size, 3072);
  EXPECT_EQ(config->num_token_types, 2);
  EXPECT_EQ(config->activation, Activation::kGeluErf);
  EXPECT_EQ(config->layer_norm_epsilon, 1e-12f);
  EXPECT_THAT(config->labels, ElementsAre("LABEL_0", "LABEL_1"));
}

TEST(ParseBertConfig, OrdersLabelsByIndex) {
  json names;
  for (int i = 0; i < 11; ++i) names[absl::StrCat(i)] = absl::StrCat("L", i);
  const absl::StatusOr<BertConfig> config = ParseBertConfig({{"id2label", names}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->labels[2], "L2");
  EXPECT_EQ(config->labels[10], "L10");
  EXPECT_EQ(ParseBertConfig({{"num_labels", 5}})->labels.size(), 5u);
}

TEST(ParseBertConfig, RefusesByName) {
  const json one_label = {{"0", "ONLY"}};
  const json gap = {{"0", "A"}, {"2", "B"}};
  const json number = {{"0", "A"}, {"1", 7}};
  for (const auto& [field, value, message] : std::vector<Refusal>{
           {"hidden_act", "swish", "hidden_act must be gelu_new"},
           {"position_embedding_type", "relative_key",
            "position_embedding_type is implemented for"},
           {"is_decoder", true, "is_decoder is implemented for false alone: true"},
           {"add_cross_attention", true, "add_cross_attention"},
           {"problem_type", "multi_label_classification", "problem_type is implemented for"},
           {"problem_type", "regression", "problem_type"},
           {"num_labels", 1, "at least 2 labels"},
           {"num_labels", 1'000'000, "num_labels must be"},
           {"id2label", one_label, "at least 2 labels: ONLY"},
           {"id2label", gap, "id2label must give every index"},
           {"id2label", number, "id2label must give every index"},
           {"id2label", json::array({"A", "B"}), "id2label must give every index"},
           {"id2label", json::object(), "id2label must give every index"},
           {"hidden_size", 770, "must be a multiple of num_attention_heads 12: 770"}}) {
    const absl::Status status = ParseBertConfig({{field, value}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace chorus
