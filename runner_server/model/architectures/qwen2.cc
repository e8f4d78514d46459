// Qwen2 (Yang et al., 2024, arXiv:2407.10671), as Hugging Face's Qwen2ForCausalLM computes it:
// Llama with biases of queries, keys and values.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadQwenBody(ConfigReader& config, int head_size) {
  Architecture qwen = ReadLlamaBody(config, {.vocab_size = 151936,
                                             .context_size = 32768,
                                             .hidden_size = 4096,
                                             .inner_size = 22016,
                                             .num_layers = 32,
                                             .num_heads = 32,
                                             .num_kv_heads = 32,
                                             .head_size = head_size});
  qwen.head = ReadLanguageModelHead(config, qwen.vocab_size, {.tied = false});
  AttendAlike(qwen, {.scale = 0,
                     .rotary = AddRotaryPositions(
                         config, config.Float("rope_theta", 10000, 1, 1e12f), 1, qwen)});
  if (config.Bool("use_sliding_window", false)) {
    const int first = config.Integer("max_window_layers", 28, 0, 1 << 10);
    AddWindows(
        config, config.Integer("sliding_window", 4096, 1, 1 << 24),
        [first](int layer) { return layer >= first; }, qwen);
  } else {
    RefuseLayerTypes(config, "use_sliding_window is false");
  }
  return qwen;
}

Architecture ReadQwen2(ConfigReader& config) {
  Architecture qwen = ReadQwenBody(config, /*head_size=*/0);
  qwen.biases.qkv = true;
  return qwen;
}

}  // namespace chorus::runner
