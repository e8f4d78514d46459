// Phi-3 (Abdin et al., 2024, arXiv:2404.14219), as Hugging Face's Phi3ForCausalLM computes it:
// Llama whose query, key and value, and whose gate and what it gates, are one tensor each.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadPhi3(ConfigReader& config) {
  Architecture phi = ReadLlamaBody(config, {.vocab_size = 32064,
                                            .context_size = 4096,
                                            .hidden_size = 3072,
                                            .inner_size = 8192,
                                            .num_layers = 32,
                                            .num_heads = 32,
                                            .norm_epsilon = 1e-5f});
  phi.head = ReadLanguageModelHead(config, phi.vocab_size,
                                   {.tied = false, .bos_token_id = 1, .eos_token_ids = {32000}});
  AttendAlike(phi, {.scale = 0,
                    .window = config.Integer("sliding_window", 0, 1, 1 << 24),
                    .rotary = AddRotaryPositions(
                        config, config.Float("rope_theta", 10000, 1, 1e12f),
                        config.Double("partial_rotary_factor", 1, 0, 1), phi, 4096)});
  phi.names.qkv = {"self_attn.qkv_proj"};
  phi.names.inner = {"mlp.gate_up_proj"};
  return phi;
}

}  // namespace chorus::runner
