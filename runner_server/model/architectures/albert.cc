// ALBERT (Lan et al., 2019, arXiv:1909.11942), as Hugging Face's AlbertForSequenceClassification
// computes it: BERT with narrow embeddings, and layers that share their weights.
#include <string>

#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadAlbert(ConfigReader& config) {
  Architecture albert = ReadBertBody(config, {.vocab_size = 30000,
                                              .hidden_size = 4096,
                                              .num_heads = 64,
                                              .inner_size = 16384,
                                              .activation = "gelu_new"});
  albert.embedding_size = config.Integer("embedding_size", 128, 1, 1 << 16);
  const int num_groups = config.Integer("num_hidden_groups", 1, 1, albert.num_layers);
  config.RequireMultiple("num_hidden_layers", albert.num_layers, "num_hidden_groups", num_groups);
  albert.layers_per_weights = albert.num_layers / num_groups;
  if (const int inner = config.Integer("inner_group_num", 1, 1, 1 << 10); inner != 1) {
    config.Refuse("inner_group_num is implemented for 1 alone", std::to_string(inner));
  }
  albert.head = ReadClassificationHead(config);

  albert.names.embedding_projection = "encoder.embedding_hidden_mapping_in";
  albert.names.layers = "encoder.albert_layer_groups";
  const std::string layer = "albert_layers.0.";
  albert.names.qkv = {layer + "attention.query", layer + "attention.key",
                      layer + "attention.value"};
  albert.names.attention_out = layer + "attention.dense";
  albert.names.attention_norms = {.sum = layer + "attention.LayerNorm"};
  albert.names.inner = {layer + "ffn"};
  albert.names.outer = layer + "ffn_output";
  albert.names.mlp_norms = {.sum = layer + "full_layer_layer_norm"};
  albert.names.pooler = albert.names.base_pooler = "pooler";
  albert.names.head = "classifier";
  return albert;
}

}  // namespace chorus::runner
