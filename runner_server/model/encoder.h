#pragma once

// Runs an Architecture with a classifier's head: full attention within a row; the head reads the
// first token.
//
// Thread safety: as SequenceClassifier; threads of its own run inside Forward alone.

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runner_server/kernels/attention.h"
#include "runner_server/model/sequence_classifier.h"
#include "runner_server/model/transformer.h"

namespace chorus::runner {

class Encoder : public SequenceClassifier {
 public:
  explicit Encoder(std::unique_ptr<Transformer> transformer)
      : transformer_(std::move(transformer)),
        kv_element_(KvElementOf(transformer_->precision())),
        scratch_(transformer_->pool().num_threads()),
        kv_(transformer_->pool().num_threads()) {}

  int vocab_size() const override { return architecture().vocab_size; }
  int context_size() const override { return architecture().context_size; }
  const std::vector<std::string>& labels() const override {
    return std::get<ClassificationHead>(architecture().head).labels;
  }
  bool batch_invariant() const override { return true; }
  void set_num_threads(int num_threads) override {
    transformer_->pool().set_num_active_threads(num_threads);
  }
  std::span<const float> Forward(std::span<const std::span<const int32_t>> rows) override;

 private:
  using Rows = std::span<const std::span<const int32_t>>;

  const Architecture& architecture() const { return transformer_->architecture(); }
  void Attend(Rows rows, int layer, const float* qkv, float* out);
  // For the row whose first token is `first_token`.
  void AttendHead(int num_tokens, int first_token, int layer, int head, int thread,
                  const float* qkv, float* out);

  const std::unique_ptr<Transformer> transformer_;
  const KvElement kv_element_;

  // Of the current pass: the tokens of all rows, concatenated, and the indices of each row's first
  // token.
  std::vector<Transformer::Token> tokens_;
  std::vector<int> first_tokens_;
  std::vector<Scratch> scratch_;  // By thread.
  std::vector<Scratch> kv_;       // By thread: one head's keys and values of one row, in blocks.
};

}  // namespace chorus::runner
