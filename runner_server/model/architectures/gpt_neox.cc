// GPT-NeoX (Black et al., 2022, arXiv:2204.06745), and Pythia, as Hugging Face's GPTNeoXForCausalLM
// computes it.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadGptNeoX(ConfigReader& config) {
  Architecture neox;
  neox.vocab_size = config.Integer("vocab_size", 50432, 1, 1 << 24);
  neox.context_size = config.Integer("max_position_embeddings", 2048, 2, 1 << 24);
  neox.hidden_size = config.Integer("hidden_size", 6144, 1, 1 << 16);
  neox.num_layers = config.Integer("num_hidden_layers", 44, 1, 1 << 10);
  neox.num_heads = neox.num_kv_heads = config.Integer("num_attention_heads", 64, 1, 1 << 12);
  neox.inner_size = config.Integer("intermediate_size", 24576, 1, 1 << 20);
  neox.norm_epsilon = config.Float("layer_norm_eps", 1e-5f, 0, 1);
  neox.activation = config.ActivationFunction("hidden_act", "gelu");
  neox.parallel_sublayers = config.Bool("use_parallel_residual", true);
  neox.biases.qkv = neox.biases.attention_out = config.Bool("attention_bias", true);
  neox.head = ReadLanguageModelHead(config, neox.vocab_size,
                                    {.tied = false, .bos_token_id = 0, .eos_token_ids = {2}});
  config.RequireMultiple("hidden_size", neox.hidden_size, "num_attention_heads", neox.num_heads);
  neox.head_size = neox.hidden_size / neox.num_heads;
  AttendAlike(
      neox, {.scale = 0,
             .rotary = AddRotaryPositions(config, config.Float("rotary_emb_base", 10000, 1, 1e12f),
                                          config.Double("rotary_pct", 0.25, 0, 1), neox)});

  neox.names = {.token_embedding = "embed_in",
                .layers = "layers",
                .attention_norms = {.before = "input_layernorm"},
                .qkv = {"attention.query_key_value"},
                .attention_out = "attention.dense",
                .mlp_norms = {.before = "post_attention_layernorm"},
                .inner = {"mlp.dense_h_to_4h"},
                .outer = "mlp.dense_4h_to_h",
                .final_norm = "final_layer_norm",
                .head = "embed_out",
                .qkv_by_head = true};
  RefuseWindows(config, neox);
  return neox;
}

}  // namespace chorus::runner
