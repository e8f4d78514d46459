// BERT (Devlin et al., 2018, arXiv:1810.04805), as Hugging Face's BertForSequenceClassification
// computes it.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadBertBody(ConfigReader& config, const BertDefaults& defaults) {
  Architecture bert;
  bert.vocab_size = config.Integer("vocab_size", defaults.vocab_size, 1, 1 << 24);
  bert.context_size = config.Integer("max_position_embeddings", 512, 1, 1 << 20);
  bert.hidden_size = config.Integer("hidden_size", defaults.hidden_size, 1, 1 << 16);
  bert.num_layers = config.Integer("num_hidden_layers", 12, 1, 1 << 10);
  bert.num_heads = bert.num_kv_heads =
      config.Integer("num_attention_heads", defaults.num_heads, 1, 1 << 12);
  bert.inner_size = config.Integer("intermediate_size", defaults.inner_size, 1, 1 << 20);
  bert.num_token_types = config.Integer("type_vocab_size", 2, 1, 1 << 10);
  bert.norm_epsilon = config.Float("layer_norm_eps", 1e-12f, 0, 1);
  bert.activation = config.ActivationFunction("hidden_act", defaults.activation);
  config.RequireString("position_embedding_type", "absolute");
  config.RequireBool("is_decoder", false);
  config.RequireBool("add_cross_attention", false);
  config.RequireMultiple("hidden_size", bert.hidden_size, "num_attention_heads", bert.num_heads);
  bert.head_size = bert.hidden_size / bert.num_heads;
  AttendAlike(bert);

  bert.names = {
      .token_embedding = "embeddings.word_embeddings",
      .position_embedding = "embeddings.position_embeddings",
      .token_type_embedding = "embeddings.token_type_embeddings",
      .embedding_norm = "embeddings.LayerNorm",
      .layers = "encoder.layer",
      .attention_norms = {.sum = "attention.output.LayerNorm"},
      .qkv = {"attention.self.query", "attention.self.key", "attention.self.value"},
      .attention_out = "attention.output.dense",
      .mlp_norms = {.sum = "output.LayerNorm"},
      .inner = {"intermediate.dense"},
      .outer = "output.dense",
  };
  return bert;
}

Architecture ReadBert(ConfigReader& config) {
  Architecture bert = ReadBertBody(config);
  bert.head = ReadClassificationHead(config);
  bert.names.pooler = bert.names.base_pooler = "pooler.dense";
  bert.names.head = "classifier";
  return bert;
}

}  // namespace chorus::runner
