// DistilBERT (Sanh et al., 2019, arXiv:1910.01108), as Hugging Face's
// DistilBertForSequenceClassification computes it: BERT without token types, under other names.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadDistilBert(ConfigReader& config) {
  Architecture bert;
  bert.vocab_size = config.Integer("vocab_size", 30522, 1, 1 << 24);
  bert.context_size = config.Integer("max_position_embeddings", 512, 1, 1 << 20);
  const char* hidden = config.Given("hidden_size", "dim");
  const char* layers = config.Given("num_hidden_layers", "n_layers");
  const char* heads = config.Given("num_attention_heads", "n_heads");
  bert.hidden_size = config.Integer(hidden, 768, 1, 1 << 16);
  bert.num_layers = config.Integer(layers, 6, 1, 1 << 10);
  bert.num_heads = bert.num_kv_heads = config.Integer(heads, 12, 1, 1 << 12);
  bert.inner_size = config.Integer("hidden_dim", 3072, 1, 1 << 20);
  bert.norm_epsilon = 1e-12f;
  bert.activation = config.ActivationFunction("activation", "gelu");
  bert.head = ReadClassificationHead(config);
  std::get<ClassificationHead>(bert.head).activation = Activation::kRelu;
  // sinusoidal_pos_embds says how the positions were made; a checkpoint holds them either way.
  config.RequireMultiple(hidden, bert.hidden_size, heads, bert.num_heads);
  bert.head_size = bert.hidden_size / bert.num_heads;
  AttendAlike(bert);

  bert.names = {.token_embedding = "embeddings.word_embeddings",
                .position_embedding = "embeddings.position_embeddings",
                .embedding_norm = "embeddings.LayerNorm",
                .layers = "transformer.layer",
                .attention_norms = {.sum = "sa_layer_norm"},
                .qkv = {"attention.q_lin", "attention.k_lin", "attention.v_lin"},
                .attention_out = "attention.out_lin",
                .mlp_norms = {.sum = "output_layer_norm"},
                .inner = {"ffn.lin1"},
                .outer = "ffn.lin2",
                .pooler = "pre_classifier",
                .head = "classifier"};
  return bert;
}

}  // namespace chorus::runner
