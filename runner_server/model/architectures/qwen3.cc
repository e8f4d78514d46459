// Qwen3 (Yang et al., 2025, arXiv:2505.09388), as Hugging Face's Qwen3ForCausalLM computes it:
// Qwen2 with norms of the heads of queries and keys, and without biases.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadQwen3(ConfigReader& config) {
  Architecture qwen = ReadQwenBody(config, /*head_size=*/128);
  qwen.biases.qkv = qwen.biases.attention_out = config.Bool("attention_bias", false);
  qwen.names.q_norm = "self_attn.q_norm";
  qwen.names.k_norm = "self_attn.k_norm";
  return qwen;
}

}  // namespace chorus::runner
