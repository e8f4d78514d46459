#pragma once

// Runs an Architecture with a language model's head: causal attention over a KV cache.
//
// Thread safety: as LanguageModel; threads of its own run inside Forward alone.

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/model/kv_cache.h"
#include "runner_server/model/language_model.h"
#include "runner_server/model/transformer.h"

namespace chorus::runner {

class Decoder : public LanguageModel {
 public:
  // Errors are those of KvCache. num_kv_slots must be >= 1; `max_kv_bytes` as KvCache::Shape's.
  static absl::StatusOr<std::unique_ptr<Decoder>> Create(std::unique_ptr<Transformer> transformer,
                                                         int num_kv_slots, int64_t max_kv_bytes);

  int vocab_size() const override { return architecture().vocab_size; }
  int context_size() const override { return architecture().context_size; }
  int num_slots() const override { return num_slots_; }
  KvMemory kv_memory() const override {
    return {.bytes_per_token = cache_.bytes_per_token(), .block_tokens = cache_.block_tokens()};
  }
  bool batch_invariant() const override { return true; }
  void set_num_threads(int num_threads) override { pool().set_num_active_threads(num_threads); }
  Output Run(std::span<const Row> rows, absl::FunctionRef<void()> meanwhile) override;
  void CopyPrefix(int from_slot, int to_slot, int num_tokens) override;
  void Release(int slot, int num_kept_tokens) override { cache_.Release(slot, num_kept_tokens); }

 private:
  Decoder(std::unique_ptr<Transformer> transformer, KvCache cache, int num_slots)
      : transformer_(std::move(transformer)),
        num_slots_(num_slots),
        cache_(std::move(cache)),
        scratch_(pool().num_threads()) {}

  ThreadPool& pool() { return transformer_->pool(); }
  const Architecture& architecture() const { return transformer_->architecture(); }
  void Attend(std::span<const Row> rows, int layer, const float* qkv, float* out);
  // Writes a row's keys and values of one head to the cache. `first_token` is the row's.
  void StoreHead(const Row& row, int first_token, int layer, int kv_head, const float* qkv) const;
  // Attends for a row's heads [first_head, first_head + num_heads), which share keys and values.
  void AttendHeads(const Row& row, int first_token, int layer, int first_head, int num_heads,
                   int thread, const float* qkv, float* out);

  const std::unique_ptr<Transformer> transformer_;
  const int num_slots_;
  KvCache cache_;

  // Of the current pass: the tokens of all rows, concatenated; the indices of each row's first
  // token and of those whose logits are wanted.
  std::vector<Transformer::Token> tokens_;
  std::vector<int> first_tokens_;
  std::vector<int> wanted_tokens_;
  std::vector<Scratch> scratch_;  // By thread.
};

}  // namespace chorus::runner
