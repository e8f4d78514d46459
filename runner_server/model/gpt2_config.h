#pragma once

// The shape of a GPT-2 (GPT2LMHeadModel), from config.json.

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "runner_server/kernels/activation.h"

namespace chorus {

struct Gpt2Config {
  int vocab_size = 0;
  int context_size = 0;  // n_positions.
  int hidden_size = 0;   // n_embd.
  int num_layers = 0;
  int num_heads = 0;  // Divides hidden_size.
  int inner_size = 0;
  Activation activation = Activation::kGeluTanh;
  float layer_norm_epsilon = 0;
  bool scale_attention = true;  // By 1 / sqrt(head size).
  bool tied_head = true;        // The head is the token embedding.
  int bos_token_id = -1;        // -1 for none.
  int eos_token_id = -1;
};

// Missing fields have Hugging Face's defaults. INVALID_ARGUMENT names the field that is out of
// range or asks for what is not implemented (cross attention, scaling by layer, other activations).
absl::StatusOr<Gpt2Config> ParseGpt2Config(const nlohmann::json& config);

}  // namespace chorus
