#pragma once

// The weights of an Architecture, and all of its forward pass but the attention: embedding, layers,
// head. Decoder and Encoder, which differ in where keys and values are and which of them a token
// sees, are made of it.
//
// Rows of any length are laid end to end; nothing is padded. What becomes of a token depends on it
// and on what `attend` gives it, to the bit, not on the others of the pass nor on the threads.
// Thread safety: none; threads of its own run inside the calls alone.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runner_server/kernels/linear.h"
#include "runner_server/model/architecture.h"
#include "runner_server/weights/safetensors_file.h"
#include "runner_server/weights/weight_map.h"

namespace chorus::runner {

// INVALID_ARGUMENT says which value of `architecture` is not implemented.
absl::Status CheckImplemented(const Architecture& architecture);

// Buffers of a forward pass: grow to the largest pass seen and stay; contents are not kept.
class Scratch {
 public:
  float* Get(size_t size) {
    if (buffer_.size() < size) buffer_ = std::vector<float>(size);
    return buffer_.data();
  }

 private:
  std::vector<float> buffer_;
};

class Transformer {
 public:
  struct Token {
    int32_t id;    // Below vocab_size.
    int position;  // Below num_positions().
  };
  // Attention of all heads in a layer: `qkv` is [tokens, q | k | v], `out` [tokens, hidden].
  using Attend = absl::FunctionRef<void(int layer, const float* qkv, float* out)>;

  // `architecture` must be implemented; num_threads >= 1. Copies the weights; `file` may be closed
  // afterwards. INVALID_ARGUMENT lists the tensors that do not fit; RESOURCE_EXHAUSTED without
  // memory.
  static absl::StatusOr<std::unique_ptr<Transformer>> Load(const Architecture& architecture,
                                                           const SafetensorsFile& file,
                                                           Precision precision, int num_threads);

  const Architecture& architecture() const { return architecture_; }
  Precision precision() const { return precision_; }
  ThreadPool& pool() { return linear_.pool(); }

  // Runs tokens through all layers. At least 1.
  void Run(std::span<const Token> tokens, Attend attend);

  // The head's logits for these of the tokens that ran last, [indices, vocab or labels], valid
  // until the next call.
  std::span<const float> Logits(std::span<const int> indices);

 private:
  struct Layer {
    Linear qkv;  // [hidden] -> [q | k | v]
    Linear attention_out;
    Norm attention_norm;
    Linear inner;
    Linear outer;
    Norm mlp_norm;
  };

  Transformer(const Architecture& architecture, Precision precision, int num_threads)
      : architecture_(architecture), precision_(precision), linear_(num_threads) {}

  absl::Status ReadWeights(const WeightMap& weights);
  absl::Status ReadEmbeddings(const WeightMap& weights);
  absl::StatusOr<Layer> ReadLayer(const WeightMap& weights, int index);
  absl::Status ReadHead(const WeightMap& weights);

  void Embed(std::span<const Token> tokens, float* x);

  const Architecture architecture_;
  const Precision precision_;
  LinearContext linear_;
  // The token embedding: a language model's is packed, since it is the head too when tied.
  Linear packed_embedding_;              // [hidden] -> [vocab]
  std::vector<float> token_embedding_;   // [vocab, hidden]
  std::vector<float> other_embeddings_;  // [positions, hidden], the first token type's added.
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  Norm final_norm_;
  Linear pooler_;  // fp32 in every precision, as a classifier's head: they cost nothing.
  Linear head_;    // Empty when tied.

  Scratch x_, qkv_, mixed_, inner_, gathered_, pooled_, logits_;  // By stage.
};

}  // namespace chorus::runner
