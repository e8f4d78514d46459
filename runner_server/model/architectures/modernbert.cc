// ModernBERT (Warner et al., 2024, arXiv:2412.13663), as Hugging Face's
// ModernBertForSequenceClassification computes it.
#include <cmath>
#include <string>

#include "runner_server/model/architectures/table.h"

namespace chorus::runner {
namespace {

// Of how it attends: every few layers to all tokens, the others to those near by.
void ReadAttention(ConfigReader& config, Architecture& bert) {
  // transformers 5 has an object for each kind of layer.
  const bool by_layer = config.Has("rope_parameters");
  const float global_theta =
      config.Float(config.Given("rope_theta", "global_rope_theta"), 160000, 1, 1e12f);
  const int global =
      AddRotaryPositions(config, by_layer ? "rope_parameters.full_attention" : "rope_scaling",
                         global_theta, bert.head_size, bert);
  const int local = AddRotaryPositions(
      config, by_layer ? "rope_parameters.sliding_attention" : "rope_scaling",
      config.IsNull("local_rope_theta") ? global_theta
                                        : config.Float("local_rope_theta", 10000, 1, 1e12f),
      bert.head_size, bert);
  AttendAlike(bert);
  const int every = config.Integer("global_attn_every_n_layers", 3, 1, 1 << 10);
  const int window = config.Integer("local_attention", 128, 1, 1 << 24) / 2 + 1;
  AddWindows(
      config, window, [every](int layer) { return layer % every != 0; }, bert);
  for (LayerAttention& attention : bert.attention) {
    attention.rotary = attention.window > 0 ? local : global;
  }
}

ClassificationHead ReadHead(ConfigReader& config, const Architecture& bert) {
  ClassificationHead head = ReadClassificationHead(config);
  const std::string pooling = config.String("classifier_pooling", "cls");
  if (pooling != "cls" && pooling != "mean") {
    config.Refuse("classifier_pooling must be cls or mean", pooling);
  }
  head.pooling = pooling == "mean" ? Pooling::kMean : Pooling::kFirstToken;
  head.activation = config.ActivationFunction("classifier_activation", "gelu");
  // Drawn as its own initialisation has them.
  const float cutoff = config.Float("initializer_cutoff_factor", 2, 0.1f, 1e6f);
  head.initial_pooler.deviation /= std::sqrt(2.0f * static_cast<float>(bert.num_layers));
  head.initial_scores.deviation = 1 / std::sqrt(static_cast<float>(bert.hidden_size));
  head.initial_pooler.most_deviations = head.initial_scores.most_deviations = cutoff;
  return head;
}

}  // namespace

Architecture ReadModernBert(ConfigReader& config) {
  Architecture bert;
  bert.vocab_size = config.Integer("vocab_size", 50368, 1, 1 << 24);
  bert.context_size = config.Integer("max_position_embeddings", 8192, 1, 1 << 20);
  bert.hidden_size = config.Integer("hidden_size", 768, 1, 1 << 16);
  bert.num_layers = config.Integer("num_hidden_layers", 22, 1, 1 << 10);
  bert.num_heads = bert.num_kv_heads = config.Integer("num_attention_heads", 12, 1, 1 << 12);
  bert.inner_size = config.Integer("intermediate_size", 1152, 1, 1 << 20);
  bert.norm_epsilon = config.Float("norm_eps", 1e-5f, 0, 1);
  bert.activation = config.ActivationFunction("hidden_activation", "gelu");
  bert.gated_mlp = true;
  bert.has_first_attention_norm = false;
  bert.biases.norms = config.Bool("norm_bias", false);
  bert.biases.qkv = bert.biases.attention_out = config.Bool("attention_bias", false);
  bert.biases.mlp = config.Bool("mlp_bias", false);
  bert.biases.pooler = config.Bool("classifier_bias", false);
  config.RequireMultiple("hidden_size", bert.hidden_size, "num_attention_heads", bert.num_heads);
  bert.head_size = bert.hidden_size / bert.num_heads;
  ReadAttention(config, bert);
  bert.head = ReadHead(config, bert);

  bert.names = {.token_embedding = "embeddings.tok_embeddings",
                .embedding_norm = "embeddings.norm",
                .layers = "layers",
                .attention_norms = {.before = "attn_norm"},
                .qkv = {"attn.Wqkv"},
                .attention_out = "attn.Wo",
                .mlp_norms = {.before = "mlp_norm"},
                .inner = {"mlp.Wi"},
                .outer = "mlp.Wo",
                .final_norm = "final_norm",
                .pooler = "head.dense",
                .pooler_norm = "head.norm",
                .head = "classifier"};
  return bert;
}

}  // namespace chorus::runner
