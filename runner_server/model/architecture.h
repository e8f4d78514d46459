#pragma once

// Describes a transformer: its sizes, the parts of its blocks, its head, and the names of its
// weights in a checkpoint. architectures/NAME.cc reads it from a config.json; Decoder and Encoder
// run it. Plain values.
//
// CheckImplemented (transformer.h) refuses values that are not implemented.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runner_server/kernels/activation.h"
#include "runner_server/kernels/norm.h"
#include "runner_server/model/random_weights.h"

namespace chorus::runner {

enum class Pooling {
  kFirstToken,
  kMean,
  kPooler,  // The first token through a linear layer and an activation.
};

// Logits of the next token.
struct LanguageModelHead {
  bool tied = true;  // Its weights are the token embedding.
  bool has_bias = false;
  float logit_soft_cap = 0;            // Logits are capped to cap * tanh(logit / cap); 0: not.
  int bos_token_id = -1;               // -1: none.
  std::vector<int32_t> eos_token_ids;  // A text ends at any of them.
};

// What makes scores of logits.
enum class ScoreFunction { kSoftmax, kSigmoid, kNone };

// linear(norm(activation(linear(pooled tokens)))): one logit a label.
struct ClassificationHead {
  Pooling pooling = Pooling::kFirstToken;  // Or kMean.
  Activation activation = Activation::kTanh;
  std::vector<std::string> labels;  // By index; at least 1.
  ScoreFunction function = ScoreFunction::kSoftmax;
  // If set, linear layers that the checkpoint does not hold are drawn from this seed, as
  // transformers initialises them; biases are 0.
  std::optional<uint64_t> untrained_seed;
  bool draws_scores = false;  // The last layer too where the checkpoint holds one: another task's.
  NormalDistribution initial_pooler, initial_scores;  // The first layer's weights, and the last's.
};

// A linear layer behind the pooling, and its activation.
struct DenseLayer {
  std::string name;
  int in = 0;
  int out = 0;
  bool has_bias = true;
  Activation activation = Activation::kTanh;
  bool adds_input = false;  // To what comes out, through a linear layer where the sizes differ.

  bool projects_input() const { return adds_input && in != out; }
  // As WeightNames has them.
  std::string linear_name() const { return name + ".linear"; }
  std::string residual_name() const { return name + ".residual"; }  // Of projects_input(); no bias.
};

// What is made of a text before the tokenizer reads it.
struct TextForm {
  std::string prompt;   // Stands before every text.
  bool strips = false;  // White space about both is taken away.
  bool lowers = false;  // Both are in lower case.
};

// The pooled tokens, [hidden], through the layers in `dense`.
struct EmbeddingHead {
  Pooling pooling = Pooling::kMean;
  Activation activation = Activation::kTanh;  // Of kPooler.
  std::vector<DenseLayer> dense;
  bool normalizes = false;  // Vectors are to be scaled to length 1.
  TextForm text;
  bool pools_prompt = true;  // Else kMean leaves the tokens of the prompt out.
};

using Head = std::variant<LanguageModelHead, ClassificationHead, EmbeddingHead>;

// Of a classifier's or an embedder's.
inline Pooling PoolingOf(const Head& head) {
  const auto* embedding = std::get_if<EmbeddingHead>(&head);
  return embedding != nullptr ? embedding->pooling : std::get<ClassificationHead>(head).pooling;
}
inline std::span<const DenseLayer> DenseLayersOf(const Head& head) {
  const auto* embedding = std::get_if<EmbeddingHead>(&head);
  return embedding != nullptr ? embedding->dense : std::span<const DenseLayer>();
}
inline Activation PoolerActivationOf(const Head& head) {
  const auto* embedding = std::get_if<EmbeddingHead>(&head);
  return embedding != nullptr ? embedding->activation
                              : std::get<ClassificationHead>(head).activation;
}
inline bool HasPooler(const Head& head) {
  return std::holds_alternative<ClassificationHead>(head) || PoolingOf(head) == Pooling::kPooler;
}

// Norms about a sublayer f of x; an empty name for none.
struct NormNames {
  std::string before;  // x + f(norm(x)).
  std::string output;  // x + norm(f(x)).
  std::string sum;     // norm(x + f(x)).
};

// A norm or linear layer X has the tensors X.weight and X.bias, an embedding X.weight. Without what
// Hugging Face puts before those of the base model, such as "transformer." or "bert.": a checkpoint
// has it or not (weight_map.h).
struct WeightNames {
  std::string token_embedding;
  std::string position_embedding;    // Empty: none.
  std::string token_type_embedding;  // Empty: none.
  std::string embedding_norm;        // Empty: none.
  std::string embedding_projection;  // From the embeddings' width to the layers'. Empty: none.
  std::string layers;                // "h": the names below follow "h.0." and so on,
  std::string layers_in_group;       // if not empty those of groups: "h.0.", this and ".0.".
  NormNames attention_norms;
  std::vector<std::string> qkv;  // One for all three, or one each.
  std::string q_norm, k_norm;    // Of each head, one for all heads. Empty: none.
  std::string attention_out;
  NormNames mlp_norms;
  std::vector<std::string> inner;  // The MLP's first; if gated the gate's, then the other's, or one
  std::string outer;               // for both; and second.
  std::string final_norm;          // Behind the layers. Empty: none.
  std::string head_projection;     // Before a language model's head. Empty: none.
  std::string pooler;              // An encoder's first linear layer after pooling.
  std::string pooler_norm;         // Of a classifier, behind its activation. Empty: none.
  std::string base_pooler;         // The headless model's pooler. Empty: none.
  std::string head;                // A classifier's last, or a language model's head.
  bool transposed_in_layers = false;  // Linears are stored [in, out] there, else [out, in].
  // Whether the one tensor of query, key and value has a head's three together, head after head.
  bool qkv_by_head = false;
};

// Rotary positions (kernels/rotary.h).
struct RotaryPositions {
  std::vector<float> frequencies;  // Of pairs of dimensions: the angle from position to position.
  float scale = 1;                 // Multiplies cosines and sines.
};

struct LayerAttention {
  float scale = 1;  // Multiplies the scores.
  int window = 0;   // A token sees those that are less than so far away; 0: all.
  int rotary = -1;  // Of Architecture::rotaries; -1: none.
};

// Which linear layers and norms have biases. A head says so itself.
struct Biases {
  bool norms = true;
  bool qkv = true;
  bool attention_out = true;
  bool mlp = true;
  bool embedding_projection = true;  // Of head_projection too.
  bool pooler = true;
};

struct Architecture {
  int vocab_size = 0;
  int context_size = 0;  // Most tokens of one sequence.
  int hidden_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  int num_kv_heads = 0;  // Of keys and values; divides num_heads.
  int head_size = 0;
  int inner_size = 0;       // Of the MLP.
  int num_token_types = 0;  // 0: no embedding of them.

  int embedding_size = 0;  // Of a token's embedding; 0: hidden_size.
  float embedding_scale = 1;
  // Positions are added behind embedding_projection, not before.
  bool adds_positions_to_projected = false;
  int first_position = 0;  // Row of the first token in the embedding of positions.
  // An encoder's token of this id has the position before the first, and is not counted.
  int padding_id = -1;
  std::vector<RotaryPositions> rotaries;

  NormKind norm = NormKind::kLayerNorm;
  float norm_epsilon = 0;
  float norm_weight_offset = 0;               // Added to the stored weights.
  bool has_first_attention_norm = true;       // attention_norms.before of layer 0.
  std::vector<LayerAttention> attention;      // By layer.
  float attention_soft_cap = 0;               // Of scores, as logit_soft_cap.
  bool parallel_sublayers = false;            // x + attention(x) + mlp(x).
  bool gated_mlp = false;                     // activation(gate) * other.
  Activation activation = Activation::kNone;  // Of the MLP.
  Biases biases;
  std::vector<int> stored_layer;  // By layer, whose weights it has; empty: its own.
  int stored_layers_per_group = 1;

  Head head;
  WeightNames names;

  // Of a row: a classifier's labels, the numbers of an embedder's vectors, or a vocabulary.
  int num_values() const {
    if (const auto* classifier = std::get_if<ClassificationHead>(&head)) {
      return static_cast<int>(classifier->labels.size());
    }
    if (const auto* embedder = std::get_if<EmbeddingHead>(&head)) {
      return embedder->dense.empty() ? hidden_size : embedder->dense.back().out;
    }
    return vocab_size;
  }
  int q_size() const { return num_heads * head_size; }
  int kv_size() const { return num_kv_heads * head_size; }
  int qkv_size() const { return q_size() + 2 * kv_size(); }
  int embedding_width() const { return embedding_size > 0 ? embedding_size : hidden_size; }
  int position_width() const {
    return adds_positions_to_projected ? hidden_size : embedding_width();
  }
  int num_positions() const { return context_size + first_position; }  // Rows of the embedding.
  int num_stored_layers() const {
    return stored_layer.empty() ? num_layers : 1 + *std::ranges::max_element(stored_layer);
  }
  int StoredLayer(int layer) const { return stored_layer.empty() ? layer : stored_layer[layer]; }
  bool HasAttentionNorm(int layer) const { return layer > 0 || has_first_attention_norm; }
  bool generates() const { return std::holds_alternative<LanguageModelHead>(head); }
};

// The name of a part of a stored layer, such as "h.0.ln_1".
inline std::string LayerName(const Architecture& architecture, int index, const std::string& part) {
  const WeightNames& names = architecture.names;
  if (names.layers_in_group.empty()) return absl::StrCat(names.layers, ".", index, ".", part);
  const int group_size = architecture.stored_layers_per_group;
  return absl::StrCat(names.layers, ".", index / group_size, ".", names.layers_in_group, ".",
                      index % group_size, ".", part);
}

}  // namespace chorus::runner
