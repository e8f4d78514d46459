#pragma once

// Runs the native code of a CompiledModel. Rows are filled up to the longest with tokens that are
// masked.
//
// Thread safety: as SequenceEncoder; libtorch's threads run inside calls alone.

#include <cstddef>
#include <span>
#include <vector>

#include "runner_server/model/compiled_model.h"
#include "runner_server/model/executor.h"
#include "runner_server/model/sequence_encoder.h"
#include "runner_server/model/torch/torch_device.h"
#include "runner_server/tensor/torch.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {

class CompiledEncoder : public SequenceEncoder {
 public:
  // Loads the code, and copies the weights. Throws c10::Error or std::runtime_error if it is no
  // such code, or lacks a weight.
  CompiledEncoder(const CompiledModel& model, std::span<const StoredTensor> weights,
                  const at::Device& device, int num_threads);

  int vocab_size() const override { return model_.vocab_size; }
  int context_size() const override { return model_.context_size; }
  int num_token_types() const override { return model_.num_token_types; }
  const Head& head() const override { return model_.head; }
  int num_values() const override { return model_.num_values; }
  bool batch_invariant() const override { return false; }
  void set_num_threads(int num_threads) override { num_threads_ = num_threads; }
  DeviceStats device_stats() const override { return StatsOf(device_); }
  // Throws std::bad_alloc if the device has no memory for it.
  std::span<const float> Forward(std::span<const Row> rows) override;

 private:
  // The rows of these indices, of which the first is the longest, into their places in values_.
  void RunBatch(std::span<const Row> rows, std::span<const size_t> indices);

  const CompiledModel model_;
  const at::Device device_;
  torch::inductor::AOTIModelPackageLoader code_;
  int num_threads_;
  std::vector<float> values_;  // Of the last pass.
};

}  // namespace chorus::runner
