// OPT (Zhang et al., 2022, arXiv:2205.01068), as Hugging Face's OPTForCausalLM computes it.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadOpt(ConfigReader& config) {
  Architecture opt;
  opt.vocab_size = config.Integer("vocab_size", 50272, 1, 1 << 24);
  opt.context_size = config.Integer("max_position_embeddings", 2048, 1, 1 << 20);
  opt.first_position = 2;
  opt.hidden_size = config.Integer("hidden_size", 768, 1, 1 << 16);
  opt.num_layers = config.Integer("num_hidden_layers", 12, 1, 1 << 10);
  opt.num_heads = opt.num_kv_heads = config.Integer("num_attention_heads", 12, 1, 1 << 12);
  opt.inner_size = config.Integer("ffn_dim", 3072, 1, 1 << 20);
  opt.norm_epsilon = 1e-5f;
  opt.activation = config.ActivationFunction("activation_function", "relu");
  opt.head = ReadLanguageModelHead(config, opt.vocab_size,
                                   {.tied = true, .bos_token_id = 2, .eos_token_ids = {2}});
  config.RequireMultiple("hidden_size", opt.hidden_size, "num_attention_heads", opt.num_heads);
  config.RequireBool("layer_norm_elementwise_affine", true);
  opt.head_size = opt.hidden_size / opt.num_heads;
  AttendAlike(opt);
  opt.biases.qkv = opt.biases.attention_out = opt.biases.mlp = config.Bool("enable_bias", true);
  opt.biases.embedding_projection = false;

  opt.names = {.token_embedding = "decoder.embed_tokens",
               .position_embedding = "decoder.embed_positions",
               .layers = "decoder.layers",
               .qkv = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
               .attention_out = "self_attn.out_proj",
               .inner = {"fc1"},
               .outer = "fc2",
               .head = "lm_head"};
  // OPT-350m has its norms behind its sublayers, and embeddings narrower than its layers.
  const bool norms_first = config.Bool("do_layer_norm_before", true);
  (norms_first ? opt.names.attention_norms.before : opt.names.attention_norms.sum) =
      "self_attn_layer_norm";
  (norms_first ? opt.names.mlp_norms.before : opt.names.mlp_norms.sum) = "final_layer_norm";
  if (norms_first && !config.Bool("_remove_final_layer_norm", false)) {
    opt.names.final_norm = "decoder.final_layer_norm";
  }
  const int width = config.Integer("word_embed_proj_dim", opt.hidden_size, 1, 1 << 16);
  if (width != opt.hidden_size) {
    opt.embedding_size = width;
    opt.adds_positions_to_projected = true;
    opt.names.embedding_projection = "decoder.project_in";
    opt.names.head_projection = "decoder.project_out";
  }
  RefuseWindows(config, opt);
  return opt;
}

}  // namespace chorus::runner
