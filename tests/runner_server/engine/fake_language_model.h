#pragma once

// Language models that check what they are given and keep what they saw.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
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
    bool runs_aside = false;
    bool cuts_logits = false;
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

  bool runs_aside() const override { return options_.runs_aside; }
  bool cuts_logits() const override { return options_.cuts_logits; }

  Output Run(std::span<const Row> rows, absl::FunctionRef<void()> meanwhile) override {
    if (before_forward) before_forward();
    meanwhile();
    EXPECT_FALSE(rows.empty());
    std::set<int> slots;
    out_.clear();
    tops_.clear();
    for (const Row& row : rows) {
      EXPECT_TRUE(slots.insert(row.slot).second) << "slot " << row.slot << " twice in a pass";
      std::vector<int32_t>& held = slots_.at(row.slot);
      if (row.start == 0) held.clear();  // A new sequence.
      EXPECT_EQ(row.start, std::ssize(held));
      EXPECT_FALSE(row.tokens.empty());
      EXPECT_FALSE(row.wants_all_logits && row.num_top > 0);
      for (const int32_t token : row.tokens) {
        EXPECT_TRUE(token >= 0 && token < options_.vocab_size) << token;
        held.push_back(token);
        if (row.wants_all_logits) AppendLogits(held);
      }
      EXPECT_LE(std::ssize(held), options_.context_size);
      if (!row.wants_logits || row.wants_all_logits) continue;
      if (row.num_top > 0) {
        EXPECT_TRUE(options_.cuts_logits);
        ++num_tops;
        tops_.emplace_back(row, options_.vocab_size);
        logits_(held, tops_.back().all);
        tops_.back().Cut(row.num_top);
        continue;
      }
      AppendLogits(held);
    }
    batch_sizes.push_back(static_cast<int>(rows.size()));
    top_.clear();
    for (const Top& top : tops_) top_.push_back(top.logits());
    return {.logits = out_, .top = top_};
  }

  std::span<const float> AllOfTop(int index) override {
    ++num_all_of_top;
    return tops_.at(index).all;
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
  int num_threads = 0;     // 0: not set.
  int num_tops = 0;        // Rows that asked for their largest logits.
  int num_all_of_top = 0;  // Calls of AllOfTop.

 private:
  void AppendLogits(const std::vector<int32_t>& tokens) {
    out_.resize(out_.size() + options_.vocab_size);
    logits_(tokens, std::span(out_).last(options_.vocab_size));
  }

  // A row that wants its largest logits alone.
  struct Top {
    Top(const Row& row, int vocab_size) : all(vocab_size), num_ids(row.num_ids) {}
    void Cut(int num_top) {
      all.resize(num_ids);
      ids.resize(num_ids);
      std::iota(ids.begin(), ids.end(), 0);
      std::ranges::sort(ids, [&](int32_t a, int32_t b) { return all[a] > all[b]; });
      ids.resize(num_top);
      std::ranges::sort(ids);
      for (const int32_t id : ids) values.push_back(all[id]);
    }
    TopLogits logits() const {
      double sum = 0;
      for (const float logit : all) sum += std::exp(double{logit});
      return {.ids = ids,
              .logits = values,
              .log_sum_exp = static_cast<float>(std::log(sum)),
              .is_finite = std::ranges::all_of(all, [](float x) { return std::isfinite(x); })};
    }

    std::vector<float> all;
    int num_ids;
    std::vector<int32_t> ids;
    std::vector<float> values;
  };

  const Options options_;
  const Logits logits_;
  std::vector<std::vector<int32_t>> slots_;  // The tokens each holds.
  std::vector<float> out_;                   // [tokens whose logits are wanted, vocab_size]
  std::vector<Top> tops_;
  std::vector<TopLogits> top_;
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
