#pragma once

// Runs a TorchDecoder on a device: causal attention over pages of past keys and values.
//
// A pass in which all rows decode is padded to one of a few shapes where the device runs aside, and
// recorded (StepGraph) the first time that it has such a shape; what the pass reads then travels in
// one copy to where the recording reads it.
//
// Thread safety: as LanguageModel; libtorch's threads run inside calls alone.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "runner_server/model/executor.h"
#include "runner_server/model/language_model.h"
#include "runner_server/model/torch/paged_kv.h"
#include "runner_server/model/torch/step_graph.h"
#include "runner_server/model/torch/torch_transformer.h"

namespace chorus::runner {

class TorchGenerator : public LanguageModel {
 public:
  // Throws c10::Error if the device has no memory.
  TorchGenerator(std::unique_ptr<TorchDecoder> decoder, const Executor::Options& options);

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
  bool runs_aside() const override { return !decoder_->device().is_cpu(); }
  DeviceStats device_stats() const override;
  bool cuts_logits() const override { return true; }
  Output Run(std::span<const Row> rows, absl::FunctionRef<void()> meanwhile) override;
  std::span<const float> AllOfTop(int index) override;
  void CopyPrefix(int from_slot, int to_slot, int num_tokens) override;
  void Release(int slot, int num_kept_tokens) override { cache_.Release(slot, num_kept_tokens); }

 private:
  // What a pass is about, as numbers, and as views of one tensor on the device.
  struct Plan;
  struct Pass;
  struct Past;
  // A shape of passes in which all rows decode.
  struct DecodeStep {
    at::Tensor sent;    // What the pass reads.
    at::Tensor logits;  // What it writes, [rows, vocab].
    std::unique_ptr<StepGraph> graph;
  };

  const Architecture& architecture() const { return decoder_->architecture(); }
  Plan MakePlan(std::span<const Row> rows) const;
  // Adds rows and pages that nobody reads.
  void Pad(int num_rows, int num_pages, Plan& plan) const;
  // On the device; into `fixed`, if it is defined.
  Pass Send(const Plan& plan, const at::Tensor& fixed) const;
  // [wanted, vocab] on the device.
  at::Tensor Compute(const Pass& pass);
  at::Tensor ComputeDecodes(Plan plan, int& num_padded_rows);
  at::Tensor Attend(const Pass& pass, Past& past, int layer, const at::Tensor& q,
                    const at::Tensor& k, const at::Tensor& v);
  // A layer's keys and values at `places`, for so many rows.
  void LoadPast(int layer, const at::Tensor& places, int64_t num_rows, TorchAttention& attention);
  Output Fetch(std::span<const Row> rows, absl::FunctionRef<void()> meanwhile);

  const std::unique_ptr<TorchDecoder> decoder_;
  const int num_slots_;
  const bool has_fixed_shapes_;
  int num_threads_;
  PagedKv cache_;
  std::map<std::pair<int, int>, std::unique_ptr<DecodeStep>> decode_steps_;  // By rows and pages.

  std::atomic<int> num_recordings_ = 0;

  // Of the last pass.
  at::Tensor logits_;              // On the device: [rows that want some, or more, vocab_size].
  std::vector<int64_t> top_rows_;  // Rows of logits_: those of the output's top,
  int num_ids_ = 0;                // of which so many ids count.
  at::Tensor all_, all_of_top_;    // On the host.
  std::vector<int32_t> top_ids_;   // [top, their number]
  std::vector<float> top_values_;  // Likewise.
  std::vector<TopLogits> top_;
};

}  // namespace chorus::runner
