// The text model of Gemma 3 (Gemma Team, 2025, arXiv:2503.19786), as Hugging Face's
// Gemma3ForCausalLM computes it: Gemma 2 with norms of the heads of queries and keys, and with
// positions of their own in the layers that see a window. Its attn_logit_softcapping does nothing.
#include <string>

#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadGemma3(ConfigReader& config) {
  Architecture gemma = ReadGemmaBody(config, {.vocab_size = 262208, .context_size = 131072});
  config.RequireBool("use_bidirectional_attention", false);
  // transformers 5 has an object for each kind of layer.
  const bool by_layer = config.Has("rope_parameters");
  const int global =
      AddRotaryPositions(config, by_layer ? "rope_parameters.full_attention" : "rope_scaling",
                         config.Float("rope_theta", 1e6f, 1, 1e12f), gemma.head_size, gemma);
  const int local = AddRotaryPositions(
      config, by_layer ? "rope_parameters.sliding_attention" : "rope_of_windows",
      config.Float("rope_local_base_freq", 10000, 1, 1e12f), gemma.head_size, gemma);
  const int pattern = config.Integer("sliding_window_pattern", 6, 1, 1 << 10);
  AddWindows(
      config, config.Integer("sliding_window", 4096, 1, 1 << 24),
      [pattern](int layer) { return (layer + 1) % pattern != 0; }, gemma);
  for (LayerAttention& attention : gemma.attention) {
    attention.rotary = attention.window > 0 ? local : global;
  }
  gemma.names.q_norm = "self_attn.q_norm";
  gemma.names.k_norm = "self_attn.k_norm";
  return gemma;
}

}  // namespace chorus::runner
