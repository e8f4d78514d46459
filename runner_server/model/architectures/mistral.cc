// Mistral (Jiang et al., 2023, arXiv:2310.06825), as Hugging Face's MistralForCausalLM computes it:
// Llama whose tokens see a window of those before them.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadMistral(ConfigReader& config) {
  Architecture mistral = ReadLlamaBody(config, {.vocab_size = 32000,
                                                .context_size = 4096 * 32,
                                                .hidden_size = 4096,
                                                .inner_size = 14336,
                                                .num_layers = 32,
                                                .num_heads = 32,
                                                .num_kv_heads = 8});
  mistral.head = ReadLanguageModelHead(config, mistral.vocab_size,
                                       {.tied = false, .bos_token_id = 1, .eos_token_ids = {2}});
  const int window = config.Integer("sliding_window", 4096, 1, 1 << 24);
  AttendAlike(mistral, {.scale = 0,
                        .window = config.IsNull("sliding_window") ? 0 : window,
                        .rotary = AddRotaryPositions(
                            config, config.Float("rope_theta", 10000, 1, 1e12f), 1, mistral)});
  return mistral;
}

}  // namespace chorus::runner
