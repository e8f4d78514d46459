#pragma once

// The forward pass of an Architecture in libtorch's operators, except attention over past tokens:
// embedding, layers, head. TorchGenerator and TorchEncoder add the attention.
//
// Rows of any length are concatenated without padding. Between linear layers values are fp32, as in
// Transformer; queries, keys and values are in the weights' dtype. Unlike there, a token's result
// may depend in its last bits on the tokens beside it: libtorch's products do.
// Thread safety: none; libtorch's threads run only inside calls.

#include <span>
#include <string>
#include <vector>

#include "runner_server/model/architecture.h"
#include "runner_server/model/torch/torch_decoder.h"
#include "runner_server/model/torch/torch_weights.h"
#include "runner_server/tensor/torch.h"

namespace chorus::runner {

// An attention of [batch, heads, queries, head_size] over [batch, kv heads, keys, head_size].
struct TorchAttention {
  at::Tensor q, k, v;
  at::Tensor mask;  // bool, true where a query sees a key, of a shape that broadcasts. Undefined:
  bool causal = false;  // all; or, with as many keys as queries, those up to its own.
  double scale = 1;
  double soft_cap = 0;  // As Architecture::attention_soft_cap.

  at::Tensor Run() const;  // [batch, heads, queries, head_size]
};

class TorchTransformer : public TorchDecoder {
 public:
  TorchTransformer(const Architecture& architecture, TorchWeights weights, at::ScalarType dtype,
                   const at::Device& device)
      : architecture_(architecture), weights_(std::move(weights)), dtype_(dtype), device_(device) {}

  const Architecture& architecture() const override { return architecture_; }
  at::ScalarType dtype() const override { return dtype_; }
  const at::Device& device() const override { return device_; }
  at::Tensor Logits(const TorchTokens& tokens, const at::Tensor& wanted,
                    TorchAttend attend) override;

  // The last layer's hidden states of at least 1 token, [tokens, hidden].
  at::Tensor Run(const TorchTokens& tokens, TorchAttend attend) const;

  // An encoder's values, fp32, [rows, num_values]. Rows are EncoderHead::Apply's.
  at::Tensor Values(const at::Tensor& x, std::span<const int> begins,
                    std::span<const int> unpooled) const;

 private:
  struct Angles {
    at::Tensor cosines, sines;  // [tokens, 1, half]
  };

  at::Tensor Embed(const TorchTokens& tokens) const;
  // A language model's logits of hidden states, fp32, [x's rows, vocab].
  at::Tensor LogitsOf(const at::Tensor& x) const;
  std::vector<Angles> FindAngles(const at::Tensor& positions) const;
  // Norms of heads and rotary positions, of [tokens, heads, head_size].
  at::Tensor PrepareHeads(const at::Tensor& heads, const TorchNorm& norm,
                          const Angles* angles) const;
  // The layer's first step of the MLP.
  at::Tensor Inner(const TorchLayer& layer, const at::Tensor& x) const;
  // x and f(x), as the norms have it.
  at::Tensor EndSublayer(const TorchSublayerNorms& norms, const at::Tensor& x,
                         const at::Tensor& f) const;

  const TorchLayer& layer(int index) const {
    return weights_.layers[architecture_.StoredLayer(index)];
  }

  const Architecture architecture_;
  const TorchWeights weights_;
  const at::ScalarType dtype_;
  const at::Device device_;
};

}  // namespace chorus::runner
