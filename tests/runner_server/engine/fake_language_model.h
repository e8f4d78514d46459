#pragma once

// Language models that check what they are given and keep what they saw.

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "runner_server/model/language_model.h"

namespace chorus::runner {

// The logits after a token are a function of all the tokens in the slot, and nothing else.
class FakeLanguageModel final : public LanguageModel {
 public:
  struct Options {
    int vocab_size = 32;
    int context_size = 64;
    int num_slots = 4;
    KvMemory kv_memory = {.bytes_per_token = 1, .block_tokens = 1};
  };
  // Fills [vocab_size] logits, which are zero, from the tokens of a slot.
  using Logits = std::function<void(const std::vector<int32_t>& tokens, std::span<float> logits)>;

  FakeLanguageModel(const Options& options, Logits logits)
      : options_(options), logits_(std::move(logits)), slots_(options.num_slots) {}

  int vocab_size() const override { return options_.vocab_size; }
  int context_size() const override { return options_.context_size; }
  int num_slots() const override { return options_.num_slots; }
  KvMemory kv_memory() const override { return options_.kv_memory; }
  bool batch_invariant() const override { return true; }

  void set_num_threads(int num_threads) override { this->num_threads = num_threads; }

  std::span<const float> Forward(std::span<const Row> rows) override {
    if (before_forward) before_forward();
    EXPECT_FALSE(rows.empty());
    std::set<int> slots;
    out_.clear();
    for (const Row& row : rows) {
      EXPECT_TRUE(slots.insert(row.slot).second) << "slot " << row.slot << " twice in a pass";
      std::vector<int32_t>& held = slots_.at(row.slot);
      if (row.start == 0) held.clear();  // A new sequence.
      EXPECT_EQ(row.start, std::ssize(held));
      EXPECT_FALSE(row.tokens.empty());
      for (const int32_t token : row.tokens) {
        EXPECT_TRUE(token >= 0 && token < options_.vocab_size) << token;
        held.push_back(token);
      }
      EXPECT_LE(std::ssize(held), options_.context_size);
      if (!row.wants_logits) continue;
      out_.resize(out_.size() + options_.vocab_size);
      logits_(held, std::span(out_).last(options_.vocab_size));
    }
    batch_sizes.push_back(static_cast<int>(rows.size()));
    return out_;
  }

  void CopyPrefix(int from_slot, int to_slot, int num_tokens) override {
    const std::vector<int32_t>& from = slots_.at(from_slot);
    EXPECT_NE(from_slot, to_slot);
    ASSERT_LE(num_tokens, std::ssize(from));
    slots_.at(to_slot).assign(from.begin(), from.begin() + num_tokens);
    num_copied_tokens += num_tokens;
  }

  void Release(int slot, int num_kept_tokens) override {
    std::vector<int32_t>& held = slots_.at(slot);
    if (std::ssize(held) > num_kept_tokens) held.resize(num_kept_tokens);
    ++num_releases;
  }

  // Tokens that all slots hold, those of ended sequences included.
  int num_held_tokens() const {
    return std::accumulate(slots_.begin(), slots_.end(), 0, [](int sum, const auto& held) {
      return sum + static_cast<int>(held.size());
    });
  }

  std::function<void()> before_forward;  // May throw.
  std::vector<int> batch_sizes;          // Rows of each pass.
  int num_copied_tokens = 0;
  int num_releases = 0;
  int num_threads = 0;  // 0: not set.

 private:
  const Options options_;
  const Logits logits_;
  std::vector<std::vector<int32_t>> slots_;  // The tokens each holds.
  std::vector<float> out_;                   // [rows that want logits, vocab_size]
};

// Pseudorandom logits in [-4, 4), of the tokens' hash.
inline void HashLogits(const std::vector<int32_t>& tokens, std::span<float> logits) {
  uint64_t hash = 1469598103934665603u;
  for (const int32_t token : tokens)
    hash = (hash ^ static_cast<uint64_t>(token + 1)) * 1099511628211u;
  for (float& logit : logits) {
    hash = hash * 6364136223846793005u + 1442695040888963407u;
    logit = static_cast<float>(hash >> 40) / (1 << 21) - 4;
  }
}

// After `prompt_size` tokens continues with `script`, whatever was asked; then repeats its last.
inline FakeLanguageModel::Logits Script(size_t prompt_size, std::vector<int32_t> script) {
  return [=](const std::vector<int32_t>& tokens, std::span<float> logits) {
    const size_t next = std::min(tokens.size() - prompt_size, script.size() - 1);
    logits[script[next]] = 10;
  };
}

}  // namespace chorus::runner
