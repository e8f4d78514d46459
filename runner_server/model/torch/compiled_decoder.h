#pragma once

// Runs the native code of a CompiledModel that generates. Where the model attends, the code calls
// the operator
//
//   chorus::attend(Tensor q, Tensor k, Tensor v, int layer) -> Tensor
//
// which this library has: the TorchAttend of the pass that runs on this thread.
//
// Thread safety: as TorchDecoder.

#include <span>

#include "runner_server/model/compiled_model.h"
#include "runner_server/model/torch/torch_decoder.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {

class CompiledDecoder : public TorchDecoder {
 public:
  // Loads the code of a `model` with a decoder, and copies the weights. Throws c10::Error or
  // std::runtime_error if it is no such code, or lacks a weight.
  CompiledDecoder(const CompiledModel& model, std::span<const StoredTensor> weights,
                  at::ScalarType dtype, const at::Device& device);

  const Architecture& architecture() const override { return *model_.decoder; }
  at::ScalarType dtype() const override { return dtype_; }
  const at::Device& device() const override { return device_; }
  at::Tensor Logits(const TorchTokens& tokens, const at::Tensor& wanted,
                    TorchAttend attend) override;

 private:
  const CompiledModel model_;
  const at::ScalarType dtype_;
  const at::Device device_;
  torch::inductor::AOTIModelPackageLoader code_;
};

}  // namespace chorus::runner
