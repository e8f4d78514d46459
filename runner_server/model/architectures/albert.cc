// ALBERT (Lan et al., 2019, arXiv:1909.11942), as Hugging Face's AlbertForSequenceClassification
// computes it: BERT with narrow embeddings, and layers that share their weights.
#include <algorithm>

#include "runner_server/model/architectures/table.h"

namespace chorus::runner {
namespace {

// Each of the config's layers is a group of layers that are applied in turn; several in a row are
// the same group.
void ReadGroups(ConfigReader& config, Architecture& albert) {
  const int num_layers = albert.num_layers;
  const int num_groups = config.Integer("num_hidden_groups", 1, 1, num_layers);
  const int group_size = config.Integer("inner_group_num", 1, 1, std::max(1, 1024 / num_layers));
  const double layers_per_group = static_cast<double>(num_layers) / num_groups;
  for (int i = 0; i < num_layers; ++i) {
    const int group = static_cast<int>(i / layers_per_group);  // As transformers rounds.
    for (int j = 0; j < group_size; ++j) albert.stored_layer.push_back(group * group_size + j);
  }
  albert.stored_layers_per_group = group_size;
  albert.num_layers = num_layers * group_size;
  AttendAlike(albert);
}

}  // namespace

Architecture ReadAlbert(ConfigReader& config) {
  Architecture albert = ReadBertBody(config, {.vocab_size = 30000,
                                              .hidden_size = 4096,
                                              .num_heads = 64,
                                              .inner_size = 16384,
                                              .activation = "gelu_new"});
  albert.embedding_size = config.Integer("embedding_size", 128, 1, 1 << 16);
  ReadGroups(config, albert);
  albert.head = ReadClassificationHead(config);

  albert.names.embedding_projection = "encoder.embedding_hidden_mapping_in";
  albert.names.layers = "encoder.albert_layer_groups";
  albert.names.layers_in_group = "albert_layers";
  albert.names.qkv = {"attention.query", "attention.key", "attention.value"};
  albert.names.attention_out = "attention.dense";
  albert.names.attention_norms = {.sum = "attention.LayerNorm"};
  albert.names.inner = {"ffn"};
  albert.names.outer = "ffn_output";
  albert.names.mlp_norms = {.sum = "full_layer_layer_norm"};
  albert.names.pooler = albert.names.base_pooler = "pooler";
  albert.names.head = "classifier";
  return albert;
}

}  // namespace chorus::runner
