#pragma once

// Runs an Architecture with a classifier's or an embedder's head on a device: full attention within
// a row.
//
// Thread safety: as SequenceEncoder; libtorch's threads run inside calls alone.

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "runner_server/model/executor.h"
#include "runner_server/model/sequence_encoder.h"
#include "runner_server/model/torch/torch_device.h"
#include "runner_server/model/torch/torch_transformer.h"

namespace chorus::runner {

class TorchEncoder : public SequenceEncoder {
 public:
  TorchEncoder(std::unique_ptr<TorchTransformer> transformer, const Executor::Options& options)
      : transformer_(std::move(transformer)),
        pads_(options.fixed_shapes || !transformer_->device().is_cpu()),
        num_threads_(options.num_threads) {}

  int vocab_size() const override { return architecture().vocab_size; }
  int context_size() const override { return architecture().context_size; }
  int num_token_types() const override { return std::max(architecture().num_token_types, 1); }
  const Head& head() const override { return architecture().head; }
  int num_values() const override { return architecture().num_values(); }
  bool batch_invariant() const override { return false; }
  void set_num_threads(int num_threads) override { num_threads_ = num_threads; }
  DeviceStats device_stats() const override { return StatsOf(transformer_->device()); }
  std::span<const float> Forward(std::span<const Row> rows) override;

 private:
  const Architecture& architecture() const { return transformer_->architecture(); }

  const std::unique_ptr<TorchTransformer> transformer_;
  const bool pads_;  // Rows attend as one batch of the longest one's length.
  int num_threads_;
  at::Tensor values_;  // Of the last pass, on the host.
};

}  // namespace chorus::runner
