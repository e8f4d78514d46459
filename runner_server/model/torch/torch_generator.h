#pragma once

// Runs an Architecture with a language model's head on a device: causal attention over pages of
// past keys and values.
//
// Thread safety: as LanguageModel; libtorch's threads run inside calls alone.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runner_server/model/executor.h"
#include "runner_server/model/language_model.h"
#include "runner_server/model/torch/paged_kv.h"
#include "runner_server/model/torch/torch_transformer.h"

namespace chorus::runner {

class TorchGenerator : public LanguageModel {
 public:
  // Throws c10::Error if the device has no memory.
  TorchGenerator(std::unique_ptr<TorchTransformer> transformer, const Executor::Options& options);

  int vocab_size() const override { return architecture().vocab_size; }
  int context_size() const override { return architecture().context_size; }
  int num_slots() const override { return num_slots_; }
  KvMemory kv_memory() const override {
    return {.bytes_per_token = cache_.bytes_per_token(),
            .block_tokens = PagedKv::kPageTokens,
            .max_tokens = cache_.max_tokens()};
  }
  bool batch_invariant() const override { return false; }
  void set_num_threads(int num_threads) override { num_threads_ = num_threads; }
  // Throws std::bad_alloc if the device has no memory for it.
  std::span<const float> Forward(std::span<const Row> rows) override;
  void CopyPrefix(int from_slot, int to_slot, int num_tokens) override;
  void Release(int slot, int num_kept_tokens) override { cache_.Release(slot, num_kept_tokens); }

 private:
  // What a pass asks of each layer's attention.
  struct Pass;

  const Architecture& architecture() const { return transformer_->architecture(); }
  at::Tensor OnDevice(const std::vector<int64_t>& values) const;
  Pass Plan(std::span<const Row> rows) const;
  at::Tensor Attend(const Pass& pass, int layer, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v);
  // [keys] or [batch, keys] of a layer's past, as an attention wants it.
  void LoadPast(int layer, const at::Tensor& places, int64_t batch, TorchAttention& attention);

  const std::unique_ptr<TorchTransformer> transformer_;
  const int num_slots_;
  int num_threads_;
  PagedKv cache_;
  at::Tensor logits_;  // Of the last pass, on the host.
};

}  // namespace chorus::runner
