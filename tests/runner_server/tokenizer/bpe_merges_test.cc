#include "runner_server/tokenizer/bpe_merges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

void Apply(const BpeMerges& merges, std::vector<int32_t>& ids) {
  std::vector<uint32_t> sizes(ids.size(), 1);
  std::vector<int32_t> without_sizes = ids;
  const size_t count = merges.Apply(ids.data(), sizes.data(), ids.size());
  EXPECT_EQ(merges.Apply(without_sizes.data(), nullptr, ids.size()), count);
  EXPECT_EQ(std::accumulate(sizes.begin(), sizes.begin() + count, size_t{0}), ids.size());
  ids.resize(count);
  without_sizes.resize(count);
  EXPECT_EQ(without_sizes, ids);
}

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

using Pairs = std::vector<std::pair<int32_t, int32_t>>;

// Merges the pairs in order into the ids from `first_merged` on.
BpeMerges MakeMerges(const Pairs& pairs, int32_t first_merged) {
  BpeMerges merges;
  for (const auto& [left, right] : pairs) merges.Add(left, right, first_merged++);
  return merges;
}

// The definition, word for word.
std::vector<int32_t> MergeSlowly(const Pairs& pairs, int32_t first_merged,
                                 std::vector<int32_t> ids) {
  for (;;) {
    size_t best_rank = pairs.size();
    size_t best_at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      for (size_t rank = 0; rank < best_rank; ++rank) {
        if (pairs[rank] == std::pair(ids[i], ids[i + 1])) {
          best_rank = rank;
          best_at = i;
        }
      }
    }
    if (best_rank == pairs.size()) return ids;
    ids[best_at] = first_merged + static_cast<int32_t>(best_rank);
    ids.erase(ids.begin() + best_at + 1);
  }
}

TEST(BpeMerges, TakesTheBestPairFirst) {
  const BpeMerges merges = MakeMerges({{1, 2}, {0, 1}, {0, 3}}, 3);
  std::vector<int32_t> ids = {0, 1, 2};
  Apply(merges, ids);
  EXPECT_THAT(ids, ElementsAre(5));
}

TEST(BpeMerges, TakesTheLeftmostOfEqualPairs) {
  const BpeMerges merges = MakeMerges({{0, 0}}, 1);
  std::vector<int32_t> ids(5, 0);
  Apply(merges, ids);
  EXPECT_THAT(ids, ElementsAre(1, 1, 0));
}

TEST(BpeMerges, LeavesAloneWhatDoesNotMerge) {
  const BpeMerges merges = MakeMerges({{0, 1}}, 2);
  std::vector<int32_t> ids = {1, 0};
  Apply(merges, ids);
  EXPECT_THAT(ids, ElementsAre(1, 0));
  ids = {};
  Apply(merges, ids);
  EXPECT_THAT(ids, ElementsAre());
}

TEST(BpeMerges, OfTheSamePairsTakesTheLast) {
  BpeMerges merges;
  merges.Add(0, 1, 3);
  merges.Add(1, 2, 4);
  merges.Add(0, 1, 3);  // Now after the other.
  std::vector<int32_t> ids = {0, 1, 2};
  Apply(merges, ids);
  EXPECT_THAT(ids, ElementsAre(0, 4));
}

TEST(BpeMerges, EqualsTheDefinitionForShortAndLongWords) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    constexpr int32_t kNumLetters = 3;
    Pairs pairs;
    for (int32_t merged = kNumLetters; merged < kNumLetters + 20; ++merged) {
      const std::pair<int32_t, int32_t> pair(random() % merged, random() % merged);
      if (std::find(pairs.begin(), pairs.end(), pair) == pairs.end()) {
        pairs.push_back(pair);
      } else {
        --merged;
      }
    }
    const BpeMerges merges = MakeMerges(pairs, kNumLetters);
    std::vector<int32_t> ids(random() % 150);
    for (int32_t& id : ids) id = static_cast<int32_t>(random() % kNumLetters);
    const std::vector<int32_t> expected = MergeSlowly(pairs, kNumLetters, ids);
    Apply(merges, ids);
    ASSERT_THAT(ids, ElementsAreArray(expected)) << "round " << round;
  }
}

}  // namespace
}  // namespace chorus::runner
