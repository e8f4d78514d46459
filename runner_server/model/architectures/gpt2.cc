// GPT-2 (Radford et al., 2019, "Language Models are Unsupervised Multitask Learners"), as Hugging
// Face's GPT2LMHeadModel computes it.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadGpt2(ConfigReader& config) {
  Architecture gpt2;
  gpt2.vocab_size = config.Integer("vocab_size", 50257, 1, 1 << 24);
  const char* positions = config.Given("max_position_embeddings", "n_positions");
  const char* hidden = config.Given("hidden_size", "n_embd");
  const char* layers = config.Given("num_hidden_layers", "n_layer");
  const char* heads = config.Given("num_attention_heads", "n_head");
  gpt2.context_size = config.Integer(positions, 1024, 1, 1 << 20);
  gpt2.hidden_size = config.Integer(hidden, 768, 1, 1 << 16);
  gpt2.num_layers = config.Integer(layers, 12, 1, 1 << 10);
  gpt2.num_heads = gpt2.num_kv_heads = config.Integer(heads, 12, 1, 1 << 12);
  gpt2.inner_size = config.Integer("n_inner", 4 * gpt2.hidden_size, 1, 1 << 20);
  gpt2.norm_epsilon = config.Float("layer_norm_epsilon", 1e-5f, 0, 1);
  gpt2.activation = config.ActivationFunction("activation_function", "gelu_new");
  gpt2.head = ReadLanguageModelHead(
      config, gpt2.vocab_size, {.tied = true, .bos_token_id = 50256, .eos_token_ids = {50256}});
  config.RequireBool("add_cross_attention", false);
  config.RequireMultiple(hidden, gpt2.hidden_size, heads, gpt2.num_heads);
  gpt2.head_size = gpt2.hidden_size / gpt2.num_heads;
  AttendAlike(gpt2);
  RefuseWindows(config, gpt2);
  // reorder_and_upcast_attn changes the order of rounding in half precision, nothing in fp32.
  const bool by_layer = config.Bool("scale_attn_by_inverse_layer_idx", false);
  const bool scales = config.Bool("scale_attn_weights", true);
  for (int i = 0; i < gpt2.num_layers; ++i) {
    float& scale = gpt2.attention[i].scale;
    if (!scales) scale = 1;
    if (by_layer) scale /= static_cast<float>(i + 1);
  }

  gpt2.names = {.token_embedding = "wte",
                .position_embedding = "wpe",
                .layers = "h",
                .attention_norms = {.before = "ln_1"},
                .qkv = {"attn.c_attn"},
                .attention_out = "attn.c_proj",
                .mlp_norms = {.before = "ln_2"},
                .inner = {"mlp.c_fc"},
                .outer = "mlp.c_proj",
                .final_norm = "ln_f",
                .head = "lm_head",
                .transposed_in_layers = true};
  return gpt2;
}

}  // namespace chorus::runner
