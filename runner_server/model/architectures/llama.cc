// Llama (Touvron et al., 2023, arXiv:2302.13971), as Hugging Face's LlamaForCausalLM computes it.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadLlamaBody(ConfigReader& config, const LlamaDefaults& defaults) {
  Architecture llama;
  llama.vocab_size = config.Integer("vocab_size", defaults.vocab_size, 1, 1 << 24);
  llama.context_size = config.Integer("max_position_embeddings", defaults.context_size, 2, 1 << 24);
  llama.hidden_size = config.Integer("hidden_size", defaults.hidden_size, 1, 1 << 16);
  llama.num_layers = config.Integer("num_hidden_layers", defaults.num_layers, 1, 1 << 10);
  llama.num_heads = config.Integer("num_attention_heads", defaults.num_heads, 1, 1 << 12);
  // Null means as many as heads, whatever the default.
  const int kv_heads = defaults.num_kv_heads == 0 || config.IsNull("num_key_value_heads")
                           ? llama.num_heads
                           : defaults.num_kv_heads;
  llama.num_kv_heads = config.Integer("num_key_value_heads", kv_heads, 1, 1 << 12);
  config.RequireMultiple("num_attention_heads", llama.num_heads, "num_key_value_heads",
                         llama.num_kv_heads);
  llama.head_size = config.Integer("head_dim", defaults.head_size, 1, 1 << 12);
  if (llama.head_size == 0) {
    config.RequireMultiple("hidden_size", llama.hidden_size, "num_attention_heads",
                           llama.num_heads);
    llama.head_size = llama.hidden_size / llama.num_heads;
  }
  llama.inner_size = config.Integer("intermediate_size", defaults.inner_size, 1, 1 << 20);
  llama.norm = NormKind::kRmsNorm;
  llama.norm_epsilon = config.Float("rms_norm_eps", defaults.norm_epsilon, 0, 1);
  llama.gated_mlp = true;
  llama.activation = config.ActivationFunction(defaults.activation_field, defaults.activation);
  llama.biases = {.norms = false, .qkv = false, .attention_out = false, .mlp = false};
  AttendAlike(llama);

  llama.names = {.token_embedding = "embed_tokens",
                 .layers = "layers",
                 .attention_norms = {.before = "input_layernorm"},
                 .qkv = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
                 .attention_out = "self_attn.o_proj",
                 .mlp_norms = {.before = "post_attention_layernorm"},
                 .inner = {"mlp.gate_proj", "mlp.up_proj"},
                 .outer = "mlp.down_proj",
                 .final_norm = "norm",
                 .head = "lm_head"};
  return llama;
}

Architecture ReadLlama(ConfigReader& config) {
  Architecture llama = ReadLlamaBody(config, {.vocab_size = 32000,
                                              .context_size = 2048,
                                              .hidden_size = 4096,
                                              .inner_size = 11008,
                                              .num_layers = 32,
                                              .num_heads = 32});
  llama.head = ReadLanguageModelHead(config, llama.vocab_size,
                                     {.tied = false, .bos_token_id = 1, .eos_token_ids = {2}});
  llama.biases.qkv = llama.biases.attention_out = config.Bool("attention_bias", false);
  llama.biases.mlp = config.Bool("mlp_bias", false);
  AttendAlike(llama, {.scale = 0,
                      .rotary = AddRotaryPositions(
                          config, config.Float("rope_theta", 10000, 1, 1e12f), 1, llama)});
  RefuseWindows(config, llama);
  return llama;
}

}  // namespace chorus::runner
