#pragma once

// The weights of an Architecture and its forward pass except attention: embedding, layers, head.
// Decoder and Encoder add the attention.
//
// Rows of any length are concatenated without padding. A token's result depends, to the bit, only
// on the token and on what `attend` gives it, not on the other tokens or the threads.
// Thread safety: none; its own threads run only inside calls.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runner_server/kernels/linear.h"
#include "runner_server/model/architecture.h"
#include "runner_server/weights/checkpoint.h"
#include "runner_server/weights/weight_map.h"

namespace chorus::runner {

// INVALID_ARGUMENT says which value of `architecture` is not implemented.
absl::Status CheckImplemented(const Architecture& architecture);

// A buffer that grows to the largest size asked for. Contents are not kept.
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

  // `architecture` must pass CheckImplemented; num_threads >= 1. Copies the weights; `checkpoint`
  // may go afterwards. INVALID_ARGUMENT lists the tensors that do not match; RESOURCE_EXHAUSTED
  // without memory.
  static absl::StatusOr<std::unique_ptr<Transformer>> Load(const Architecture& architecture,
                                                           const Checkpoint& checkpoint,
                                                           Precision precision, int num_threads);

  const Architecture& architecture() const { return architecture_; }
  Precision precision() const { return precision_; }
  ThreadPool& pool() { return linear_.pool(); }

  // Runs at least 1 token through all layers.
  void Run(std::span<const Token> tokens, Attend attend);

  // The head's logits for tokens of the last Run, [indices, vocab or labels], valid until the next
  // call.
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
  // The token embedding; a language model's is packed, since a tied head shares it.
  Linear packed_embedding_;              // [hidden] -> [vocab]
  std::vector<float> token_embedding_;   // [vocab, hidden]
  std::vector<float> other_embeddings_;  // [positions, hidden], the first token type's added.
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  Norm final_norm_;
  Linear pooler_;  // fp32 in every precision, as a classifier's head; both are cheap.
  Linear head_;    // Empty when tied.

  Scratch x_, qkv_, mixed_, inner_, gathered_, pooled_, logits_;  // By stage.
};

}  // namespace chorus::runner
