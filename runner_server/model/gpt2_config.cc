#include "runner_server/model/gpt2_config.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "runner_server/model/config_reader.h"

namespace chorus {

absl::StatusOr<Gpt2Config> ParseGpt2Config(const nlohmann::json& json) {
  ConfigReader reader(json);
  Gpt2Config config;
  config.vocab_size = reader.Integer("vocab_size", 50257, 1, 1 << 24);
  config.context_size = reader.Integer("n_positions", 1024, 1, 1 << 20);
  config.hidden_size = reader.Integer("n_embd", 768, 1, 1 << 16);
  config.num_layers = reader.Integer("n_layer", 12, 1, 1 << 10);
  config.num_heads = reader.Integer("n_head", 12, 1, 1 << 12);
  config.inner_size = reader.Integer("n_inner", 4 * config.hidden_size, 1, 1 << 20);
  config.activation = reader.ActivationFunction("activation_function", "gelu_new");
  config.layer_norm_epsilon = reader.Float("layer_norm_epsilon", 1e-5f, 0, 1);
  config.scale_attention = reader.Bool("scale_attn_weights", true);
  config.tied_head = reader.Bool("tie_word_embeddings", true);
  config.bos_token_id = reader.TokenId("bos_token_id", 50256, config.vocab_size);
  config.eos_token_id = reader.TokenId("eos_token_id", 50256, config.vocab_size);
  // reorder_and_upcast_attn changes the order of rounding in half precision, nothing in fp32.
  reader.RequireBool("scale_attn_by_inverse_layer_idx", false);
  reader.RequireBool("add_cross_attention", false);
  if (config.hidden_size % config.num_heads != 0) {
    reader.Refuse(absl::StrCat("n_embd must be a multiple of n_head ", config.num_heads),
                  std::to_string(config.hidden_size));
  }
  if (!reader.status().ok()) return reader.status();
  return config;
}

}  // namespace chorus
