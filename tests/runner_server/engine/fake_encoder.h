#pragma once

// An encoder of two values that checks what it is given: the first is the row's length, the second
// the sum of its tokens and of their types, both over ten.

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runner_server/model/sequence_encoder.h"

namespace chorus::runner {

class FakeEncoder final : public SequenceEncoder {
 public:
  explicit FakeEncoder(Head head = ClassificationHead{.labels = {"LENGTH", "SUM"}})
      : head_(std::move(head)) {}

  int vocab_size() const override { return num_rows; }
  int context_size() const override { return 16; }
  int num_token_types() const override { return types; }
  const Head& head() const override { return head_; }
  int num_values() const override { return 2; }
  bool batch_invariant() const override { return false; }

  void set_num_threads(int num_threads) override { this->num_threads = num_threads; }

  std::span<const float> Forward(std::span<const Row> rows) override {
    if (before_forward) before_forward();
    EXPECT_FALSE(rows.empty());
    out_.clear();
    for (const Row& row : rows) {
      EXPECT_FALSE(row.ids.empty());
      EXPECT_LE(std::ssize(row.ids), context_size());
      EXPECT_TRUE(row.type_ids.empty() || row.type_ids.size() == row.ids.size());
      const int sum = std::accumulate(row.ids.begin(), row.ids.end(), 0) +
                      std::accumulate(row.type_ids.begin(), row.type_ids.end(), 0);
      out_.push_back(static_cast<float>(row.ids.size()) / 10);
      out_.push_back(static_cast<float>(sum) / 10);
      if (change_values) change_values(row.ids, std::span(out_).last(2));
    }
    batch_sizes.push_back(static_cast<int>(rows.size()));
    return out_;
  }

  std::function<void()> before_forward;  // May throw.
  std::function<void(std::span<const int32_t> row, std::span<float> values)> change_values;
  std::vector<int> batch_sizes;  // Rows of each pass.
  int num_threads = 0;           // 0: not set.
  int types = 2;
  int num_rows = 32;

 private:
  const Head head_;
  std::vector<float> out_;  // [rows, 2]
};

}  // namespace chorus::runner
