#pragma once

// A classifier of two labels that checks what it is given: the logit of the first is the row's
// length, that of the second the sum of its tokens, over ten.

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "runner_server/model/sequence_classifier.h"

namespace chorus::runner {

class FakeClassifier final : public SequenceClassifier {
 public:
  int vocab_size() const override { return 32; }
  int context_size() const override { return 16; }
  const std::vector<std::string>& labels() const override { return labels_; }
  bool batch_invariant() const override { return false; }

  void set_num_threads(int num_threads) override { this->num_threads = num_threads; }

  std::span<const float> Forward(std::span<const std::span<const int32_t>> rows) override {
    if (before_forward) before_forward();
    EXPECT_FALSE(rows.empty());
    out_.clear();
    for (const std::span<const int32_t> row : rows) {
      EXPECT_FALSE(row.empty());
      EXPECT_LE(std::ssize(row), context_size());
      out_.push_back(static_cast<float>(row.size()) / 10);
      out_.push_back(static_cast<float>(std::accumulate(row.begin(), row.end(), 0)) / 10);
      if (change_logits) change_logits(row, std::span(out_).last(2));
    }
    batch_sizes.push_back(static_cast<int>(rows.size()));
    return out_;
  }

  std::function<void()> before_forward;  // May throw.
  std::function<void(std::span<const int32_t> row, std::span<float> logits)> change_logits;
  std::vector<int> batch_sizes;  // Rows of each pass.
  int num_threads = 0;           // 0: not set.

 private:
  const std::vector<std::string> labels_ = {"LENGTH", "SUM"};
  std::vector<float> out_;  // [rows, 2]
};

}  // namespace chorus::runner
