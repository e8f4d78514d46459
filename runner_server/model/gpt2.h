#pragma once

// GPT-2 (Radford et al., 2019, "Language Models are Unsupervised Multitask Learners"), as
// Hugging Face's GPT2LMHeadModel computes it: pre-norm blocks, learned positions.
//
// Thread safety: as LanguageModel; threads of its own run inside Forward alone.

#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/model/gpt2_config.h"
#include "runner_server/model/kv_cache.h"
#include "runner_server/model/language_model.h"
#include "runner_server/model/layers.h"
#include "runner_server/weights/safetensors_file.h"

namespace chorus {

class Gpt2 : public LanguageModel {
 public:
  // Copies the weights; `file` may be closed afterwards. INVALID_ARGUMENT lists the tensors that do
  // not fit `config`; RESOURCE_EXHAUSTED without memory. Both counts must be >= 1. `max_kv_bytes`
  // as KvCache::Shape's.
  static absl::StatusOr<std::unique_ptr<Gpt2>> Create(const Gpt2Config& config,
                                                      const SafetensorsFile& file,
                                                      Precision precision, int num_threads,
                                                      int num_kv_slots, int64_t max_kv_bytes);

  int vocab_size() const override { return config_.vocab_size; }
  int context_size() const override { return config_.context_size; }
  int num_slots() const override { return num_slots_; }
  KvMemory kv_memory() const override {
    return {.bytes_per_token = cache_.bytes_per_token(), .block_tokens = cache_.block_tokens()};
  }
  ThreadPool& pool() override { return linear_.pool(); }
  std::span<const float> Forward(std::span<const Row> rows) override;
  void CopyPrefix(int from_slot, int to_slot, int num_tokens) override;
  void Release(int slot, int num_kept_tokens) override { cache_.Release(slot, num_kept_tokens); }

 private:
  struct Layer {
    Norm norm_1;
    Linear qkv;  // [hidden] -> [q | k | v]
    Linear attention_out;
    Norm norm_2;
    Linear inner;
    Linear outer;
  };
  struct Token {
    int32_t id;
    int position;
  };

  Gpt2(const Gpt2Config& config, int num_threads, int num_slots)
      : config_(config), num_slots_(num_slots), linear_(num_threads) {}

  absl::Status Load(const WeightMap& weights, Precision precision);
  int head_size() const { return config_.hidden_size / config_.num_heads; }
  const Linear& head() const { return config_.tied_head ? token_embedding_ : untied_head_; }

  // The stages of Forward; x is [tokens of all rows, hidden].
  void LayOut(std::span<const Row> rows);
  void Embed(float* x);
  void Attend(std::span<const Row> rows, int layer, const float* qkv, float* out);
  std::span<const float> Logits(std::span<const Row> rows, const float* x);

  const Gpt2Config config_;
  const int num_slots_;
  LinearContext linear_;
  Linear token_embedding_;  // Packed, since it is the head too when tied. [hidden] -> [vocab]
  Linear untied_head_;      // Empty when tied.
  std::vector<float> position_embedding_;  // [context, hidden]
  std::vector<Layer> layers_;
  Norm final_norm_;
  KvCache cache_;

  // Of the pass: the tokens of all rows, end to end, and each row's first among them.
  std::vector<Token> tokens_;
  std::vector<int> first_tokens_;
  std::vector<Scratch> scratch_;                     // By thread.
  Scratch x_, qkv_, mixed_, inner_, last_, logits_;  // By stage.
};

}  // namespace chorus
