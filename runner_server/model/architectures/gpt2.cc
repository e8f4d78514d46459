// GPT-2 (Radford et al., 2019, "Language Models are Unsupervised Multitask Learners"), as Hugging
// Face's GPT2LMHeadModel computes it.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadGpt2(ConfigReader& config) {
  Architecture gpt2;
  gpt2.vocab_size = config.Integer("vocab_size", 50257, 1, 1 << 24);
  gpt2.context_size = config.Integer("n_positions", 1024, 1, 1 << 20);
  gpt2.hidden_size = config.Integer("n_embd", 768, 1, 1 << 16);
  gpt2.num_layers = config.Integer("n_layer", 12, 1, 1 << 10);
  gpt2.num_heads = gpt2.num_kv_heads = config.Integer("n_head", 12, 1, 1 << 12);
  gpt2.inner_size = config.Integer("n_inner", 4 * gpt2.hidden_size, 1, 1 << 20);
  gpt2.norm_place = NormPlace::kBeforeSublayer;
  gpt2.norm_epsilon = config.Float("layer_norm_epsilon", 1e-5f, 0, 1);
  gpt2.scales_attention = config.Bool("scale_attn_weights", true);
  gpt2.activation = config.ActivationFunction("activation_function", "gelu_new");
  gpt2.head =
      LanguageModelHead{.tied = config.Bool("tie_word_embeddings", true),
                        .bos_token_id = config.TokenId("bos_token_id", 50256, gpt2.vocab_size),
                        .eos_token_ids = config.TokenIds("eos_token_id", {50256}, gpt2.vocab_size)};
  // reorder_and_upcast_attn changes the order of rounding in half precision, nothing in fp32.
  config.RequireBool("scale_attn_by_inverse_layer_idx", false);
  config.RequireBool("add_cross_attention", false);
  config.RequireMultiple("n_embd", gpt2.hidden_size, "n_head", gpt2.num_heads);

  gpt2.names = {.token_embedding = "wte",
                .position_embedding = "wpe",
                .layers = "h",
                .qkv = {"attn.c_attn"},
                .attention_out = "attn.c_proj",
                .attention_norm = "ln_1",
                .inner = "mlp.c_fc",
                .outer = "mlp.c_proj",
                .mlp_norm = "ln_2",
                .final_norm = "ln_f",
                .head = "lm_head",
                .transposed_in_layers = true};
  return gpt2;
}

}  // namespace chorus::runner
