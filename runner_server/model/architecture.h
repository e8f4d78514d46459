#pragma once

// Describes a transformer: its sizes, the parts of its blocks, its head, and the names of its
// weights in a checkpoint. architectures/NAME.cc reads it from a config.json; Decoder and Encoder
// run it. Plain values.
//
// CheckImplemented (transformer.h) refuses values that are not implemented.

#include <cmath>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "runner_server/kernels/activation.h"

namespace chorus::runner {

enum class NormKind { kLayerNorm, kRmsNorm };
enum class NormPlace {
  kBeforeSublayer,  // x + f(norm(x)), and a last norm after the layers.
  kAfterSublayer,   // norm(x + f(x)).
};
enum class Positions { kLearned, kRotary };
enum class MlpKind { kPlain, kGated };
enum class Pooling { kFirstToken, kMean };

// Logits of the next token.
struct LanguageModelHead {
  bool tied = true;                    // Its weights are the token embedding.
  int bos_token_id = -1;               // -1: none.
  std::vector<int32_t> eos_token_ids;  // A text ends at any of them.
};

// linear(activation(linear(pooled tokens))): one logit a label.
struct ClassificationHead {
  Pooling pooling = Pooling::kFirstToken;
  Activation activation = Activation::kTanh;
  std::vector<std::string> labels;  // By index; at least 2.
};

// A norm or linear layer X has the tensors X.weight and X.bias, an embedding X.weight. Without what
// Hugging Face puts before those of the base model, such as "transformer." or "bert.": a checkpoint
// has it or not (weight_map.h).
struct WeightNames {
  std::string token_embedding;
  std::string position_embedding;
  std::string token_type_embedding;  // Empty: none. Its first row is added to every token.
  std::string embedding_norm;        // Empty: none.
  std::string layers;                // "h": the names below follow "h.0." and so on.
  std::vector<std::string> qkv;      // One for all three, or one each.
  std::string attention_out;
  std::string attention_norm;
  std::string inner;  // The MLP's first,
  std::string outer;  // and second.
  std::string mlp_norm;
  std::string final_norm;             // With kBeforeSublayer.
  std::string pooler;                 // A classifier's first linear layer.
  std::string head;                   // A classifier's last, or a language model's head.
  bool transposed_in_layers = false;  // Linears are stored [in, out] there, else [out, in].
};

struct Architecture {
  int vocab_size = 0;
  int context_size = 0;  // Most tokens of one sequence.
  int hidden_size = 0;
  int num_layers = 0;
  int num_heads = 0;        // Divides hidden_size.
  int num_kv_heads = 0;     // Of keys and values; divides num_heads.
  int inner_size = 0;       // Of the MLP.
  int num_token_types = 0;  // 0: no embedding of them.

  Positions positions = Positions::kLearned;
  // Positions count from padding_id + 1. A token of this id has position padding_id and is not
  // counted. -1: positions count from 0.
  int padding_id = -1;

  NormKind norm = NormKind::kLayerNorm;
  NormPlace norm_place = NormPlace::kBeforeSublayer;
  float norm_epsilon = 0;
  bool scales_attention = true;  // Scores by 1 / sqrt(head size).
  bool has_biases = true;        // Linear layers, but for a language model's head.
  MlpKind mlp = MlpKind::kPlain;
  Activation activation = Activation::kNone;  // Of the MLP.

  std::variant<LanguageModelHead, ClassificationHead> head;
  WeightNames names;

  int head_size() const { return hidden_size / num_heads; }
  int num_positions() const { return context_size + padding_id + 1; }  // Rows of the embedding.
  float attention_scale() const {
    return scales_attention ? 1.0f / std::sqrt(static_cast<float>(head_size())) : 1.0f;
  }
};

}  // namespace chorus::runner
