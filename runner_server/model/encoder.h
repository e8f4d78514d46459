#pragma once

// Runs an Architecture with a classifier's or an embedder's head: full attention within a row.
//
// Thread safety: as SequenceEncoder; threads of its own run inside Forward alone.

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runner_server/kernels/attention.h"
#include "runner_server/model/sequence_encoder.h"
#include "runner_server/model/transformer.h"

namespace chorus::runner {

class Encoder : public SequenceEncoder {
 public:
  explicit Encoder(std::unique_ptr<Transformer> transformer)
      : transformer_(std::move(transformer)),
        kv_element_(KvElementOf(transformer_->precision())),
        scratch_(transformer_->pool().num_threads()),
        kv_(transformer_->pool().num_threads()) {}

  int vocab_size() const override { return architecture().vocab_size; }
  int context_size() const override { return architecture().context_size; }
  int num_token_types() const override { return std::max(architecture().num_token_types, 1); }
  const Head& head() const override { return architecture().head; }
  int num_values() const override { return architecture().num_values(); }
  bool batch_invariant() const override { return true; }
  void set_num_threads(int num_threads) override {
    transformer_->pool().set_num_active_threads(num_threads);
  }
  std::span<const float> Forward(std::span<const Row> rows) override;

 private:
  using Rows = std::span<const Row>;

  const Architecture& architecture() const { return transformer_->architecture(); }
  void Attend(Rows rows, int layer, const float* qkv, float* out);
  // For the row whose first token is `first_token`.
  void AttendHead(int num_tokens, int first_token, int layer, int head, int thread,
                  const float* qkv, float* out);

  const std::unique_ptr<Transformer> transformer_;
  const KvElement kv_element_;

  // Of the current pass: the tokens of all rows, concatenated, and where each row begins; then
  // their number.
  std::vector<Transformer::Token> tokens_;
  std::vector<int> begins_;
  std::vector<int> unpooled_;     // Of each row.
  std::vector<Scratch> scratch_;  // By thread.
  std::vector<Scratch> kv_;       // By thread: one head's keys and values of one row, in blocks.
};

}  // namespace chorus::runner
