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
#include "runner_server/model/scratch.h"
#include "runner_server/model/transformer_weights.h"
#include "runner_server/model/weight_source.h"

namespace chorus::runner {

// INVALID_ARGUMENT says which value of `architecture` is not implemented.
absl::Status CheckImplemented(const Architecture& architecture);

class Transformer {
 public:
  struct Token {
    int32_t id;    // Below vocab_size.
    int position;  // Below num_positions().
    int type = 0;  // Below num_token_types, or 0.
  };
  // Attention of all heads in a layer: `qkv` is [tokens, q | k | v], positions in it where they are
  // rotary, `out` [tokens, q_size].
  using Attend = absl::FunctionRef<void(int layer, const float* qkv, float* out)>;

  // `architecture` must pass CheckImplemented; num_threads >= 1. Errors are those of
  // TransformerWeights.
  static absl::StatusOr<std::unique_ptr<Transformer>> Load(const Architecture& architecture,
                                                           const WeightSource& weights,
                                                           Precision precision, int num_threads);

  const Architecture& architecture() const { return architecture_; }
  Precision precision() const { return precision_; }
  ThreadPool& pool() { return linear_.pool(); }

  // Runs at least 1 token through all layers.
  void Run(std::span<const Token> tokens, Attend attend);

  // A language model's logits for tokens of the last Run, [indices, vocab], valid until the next
  // call.
  std::span<const float> Logits(std::span<const int> indices);

  // An encoder's values for rows of the last Run, [rows, num_values], valid until the next call.
  // Rows are EncoderHead::Apply's.
  std::span<const float> Values(std::span<const int> begins, std::span<const int> unpooled);

 private:
  Transformer(const Architecture& architecture, Precision precision, int num_threads)
      : architecture_(architecture),
        precision_(precision),
        linear_(num_threads),
        angles_(architecture.rotaries.size()) {}

  // x = the tokens' embeddings, [tokens, hidden].
  void Embed(std::span<const Token> tokens, float* x);
  // Without what is added behind the projection: [tokens, embedding].
  void EmbedTokens(std::span<const Token> tokens, float* x);
  // Cosines and sines of every kind of rotary positions.
  void FindAngles(std::span<const Token> tokens);
  // Norms of heads and rotary positions, in place.
  void PrepareHeads(int layer, int num_tokens, float* qkv);
  // x = x and f(x)'s `linear` of the last step `in`, as the norms have it.
  void EndSublayer(const SublayerNorms& norms, const Linear& linear, const float* in,
                   int num_tokens, float* x);
  std::span<const float> NextTokenLogits(const LanguageModelHead& head, float* x, int count);

  const LayerWeights& layer(int index) const {
    return weights_.layers[architecture_.StoredLayer(index)];
  }

  const Architecture architecture_;
  const Precision precision_;
  LinearContext linear_;
  TransformerWeights weights_;

  std::vector<Scratch> angles_;  // By kind of rotary positions: [tokens][cosines | sines].
  Scratch embedded_, x_, qkv_, mixed_, inner_, sublayer_, gathered_, pooled_, logits_;  // By stage.
};

}  // namespace chorus::runner
