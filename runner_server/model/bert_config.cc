#include "runner_server/model/bert_config.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "runner_server/model/config_reader.h"

namespace chorus {

absl::StatusOr<BertConfig> ParseBertConfig(const nlohmann::json& json) {
  ConfigReader reader(json);
  BertConfig config;
  config.vocab_size = reader.Integer("vocab_size", 30522, 1, 1 << 24);
  config.context_size = reader.Integer("max_position_embeddings", 512, 1, 1 << 20);
  config.hidden_size = reader.Integer("hidden_size", 768, 1, 1 << 16);
  config.num_layers = reader.Integer("num_hidden_layers", 12, 1, 1 << 10);
  config.num_heads = reader.Integer("num_attention_heads", 12, 1, 1 << 12);
  config.inner_size = reader.Integer("intermediate_size", 3072, 1, 1 << 20);
  config.num_token_types = reader.Integer("type_vocab_size", 2, 1, 1 << 10);
  config.activation = reader.ActivationFunction("hidden_act", "gelu");
  config.layer_norm_epsilon = reader.Float("layer_norm_eps", 1e-12f, 0, 1);
  config.labels = reader.Labels();
  reader.RequireString("position_embedding_type", "absolute");
  reader.RequireString("problem_type", "single_label_classification");
  reader.RequireBool("is_decoder", false);
  reader.RequireBool("add_cross_attention", false);
  if (config.labels.size() == 1) {
    reader.Refuse("a classifier must have at least 2 labels", config.labels[0]);
  }
  if (config.hidden_size % config.num_heads != 0) {
    reader.Refuse(
        absl::StrCat("hidden_size must be a multiple of num_attention_heads ", config.num_heads),
        std::to_string(config.hidden_size));
  }
  if (!reader.status().ok()) return reader.status();
  return config;
}

}  // namespace chorus
