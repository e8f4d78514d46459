// Gemma 2 (Gemma Team, 2024, arXiv:2408.00118), as Hugging Face's Gemma2ForCausalLM computes it.
#include <cmath>

#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

namespace {

// A cap of null is none.
float ReadSoftCap(ConfigReader& config, const char* field, float fallback) {
  return config.IsNull(field) ? 0 : config.Float(field, fallback, 1e-3f, 1e6f);
}

}  // namespace

Architecture ReadGemmaBody(ConfigReader& config, const GemmaDefaults& defaults) {
  Architecture gemma = ReadLlamaBody(config, {.vocab_size = defaults.vocab_size,
                                              .context_size = defaults.context_size,
                                              .hidden_size = 2304,
                                              .inner_size = 9216,
                                              .num_layers = 26,
                                              .num_heads = 8,
                                              .num_kv_heads = 4,
                                              .head_size = 256,
                                              .activation_field = "hidden_activation",
                                              .activation = "gelu_pytorch_tanh"});
  LanguageModelHead head = ReadLanguageModelHead(
      config, gemma.vocab_size, {.tied = true, .bos_token_id = 2, .eos_token_ids = {1}});
  head.logit_soft_cap = ReadSoftCap(config, "final_logit_softcapping", defaults.logit_soft_cap);
  gemma.head = head;
  gemma.biases.qkv = gemma.biases.attention_out = config.Bool("attention_bias", false);
  gemma.embedding_scale = std::sqrt(static_cast<float>(gemma.hidden_size));
  gemma.norm_weight_offset = 1;
  AttendAlike(gemma,
              {.scale = 1 / std::sqrt(config.Float("query_pre_attn_scalar", 256, 1e-3f, 1e6f))});
  gemma.names.attention_norms = {.before = "input_layernorm", .output = "post_attention_layernorm"};
  gemma.names.mlp_norms = {.before = "pre_feedforward_layernorm",
                           .output = "post_feedforward_layernorm"};
  return gemma;
}

Architecture ReadGemma2(ConfigReader& config) {
  Architecture gemma =
      ReadGemmaBody(config, {.vocab_size = 256000, .context_size = 8192, .logit_soft_cap = 30});
  gemma.attention_soft_cap = ReadSoftCap(config, "attn_logit_softcapping", 50);
  const int rotary =
      AddRotaryPositions(config, config.Float("rope_theta", 10000, 1, 1e12f), 1, gemma);
  for (LayerAttention& attention : gemma.attention) attention.rotary = rotary;
  AddWindows(
      config, config.Integer("sliding_window", 4096, 1, 1 << 24),
      [](int layer) { return layer % 2 == 0; }, gemma);
  return gemma;
}

}  // namespace chorus::runner
