#pragma once

// The shape of a BERT with a classification head (BertForSequenceClassification), from config.json.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/kernels/activation.h"

namespace chorus {

struct BertConfig {
  int vocab_size = 0;
  int context_size = 0;  // max_position_embeddings.
  int hidden_size = 0;
  int num_layers = 0;
  int num_heads = 0;  // Divides hidden_size.
  int inner_size = 0;
  int num_token_types = 0;
  Activation activation = Activation::kGeluErf;
  float layer_norm_epsilon = 0;
  std::vector<std::string> labels;  // At least 2.
};

// Missing fields have Hugging Face's defaults. INVALID_ARGUMENT names the field that is out of
// range or asks for what is not implemented (relative positions, decoders, regression and
// multi-label).
absl::StatusOr<BertConfig> ParseBertConfig(const nlohmann::json& config);

}  // namespace chorus
