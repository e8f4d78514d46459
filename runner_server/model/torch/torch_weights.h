#pragma once

// The weights of an Architecture as tensors on a device.
// Thread safety: immutable once read.

#include <string>
#include <vector>

#include "runner_server/model/architecture.h"
#include "runner_server/model/weight_source.h"
#include "runner_server/tensor/torch.h"

namespace chorus::runner {

struct TorchNorm {
  at::Tensor operator()(const at::Tensor& x) const;  // fp32, over the last dimension.
  bool empty() const { return !weight.defined(); }

  NormKind kind = NormKind::kLayerNorm;
  at::Tensor weight, bias;  // fp32; the bias may be undefined.
  double epsilon = 0;
};

struct TorchLinear {
  // Of x in any dtype; the result is in the weight's.
  at::Tensor operator()(const at::Tensor& x) const;
  bool empty() const { return !weight.defined(); }

  at::Tensor weight, bias;  // [out, in] and [out]; the bias may be undefined.
};

struct TorchSublayerNorms {
  TorchNorm before, output, sum;  // As NormNames.
};

struct TorchLayer {
  TorchSublayerNorms attention_norms;
  TorchLinear qkv;           // [hidden] -> [q | k | v]
  TorchNorm q_norm, k_norm;  // Of a head.
  TorchLinear attention_out;
  TorchSublayerNorms mlp_norms;
  TorchLinear inner;  // If gated, gates come before the others.
  TorchLinear outer;
};

// What an architecture does not have is empty. Linear layers and a generator's embedding are in
// `dtype`, what is added or normalises in fp32, and so are an encoder's head and, where the device
// cannot give fp32 sums of a narrow product, a language model's.
struct TorchWeights {
  // Throws c10::Error, such as when the device has no memory.
  static TorchWeights Read(const Architecture& architecture, const WeightSource& source,
                           at::ScalarType dtype, const at::Device& device);

  at::Tensor token_embedding;  // [vocab, embedding]
  at::Tensor positions;        // [positions, embedding, or hidden if added behind]
  at::Tensor token_types;      // [token types, embedding]
  TorchNorm embedding_norm;
  TorchLinear embedding_projection;
  std::vector<TorchLayer> layers;  // [num_stored_layers]
  TorchNorm final_norm;
  TorchLinear head_projection;
  TorchLinear head;  // A language model's; it shares a tied embedding's memory in the same dtype.
  TorchLinear pooler;
  TorchNorm pooler_norm;
  TorchLinear scores;                        // A classifier's.
  std::vector<TorchLinear> dense;            // An embedder's, behind its pooling,
  std::vector<TorchLinear> dense_residuals;  // and what each's input goes through to be added.
  std::vector<at::Tensor> frequencies;       // By kind of rotary positions, [half], fp32.
};

}  // namespace chorus::runner
