#include "runner_server/scheduler/prefill_shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace chorus::runner {
namespace {

TEST(DealPrefill, DealsAsTheTableSays) {
  struct Case {
    std::vector<int> num_left;
    int budget;
    std::vector<int> shares;
  };
  for (const Case& c : std::vector<Case>{
           {{}, 100, {}},
           {{30}, 100, {30}},
           {{300}, 100, {100}},
           {{30, 40, 30}, 100, {30, 40, 30}},
           {{300, 300, 40, 30}, 100, {60, 0, 40, 0}},  // The example of the header.
           {{300, 300, 20, 30}, 100, {50, 0, 20, 30}},
           {{60, 300, 20}, 100, {60, 20, 20}},  // Half of what is left, not of the whole.
           {{60, 300, 21}, 100, {60, 40, 0}},
           {{300, 51}, 100, {100, 0}},  // Would not be finished.
           {{300, 50}, 100, {50, 50}},
           {{100, 100}, 100, {100, 0}},
           {{5, 1}, 1, {1, 0}},
           {{1, 1}, 1, {1, 0}},
           {{4, 4}, 0, {0, 0}}}) {
    EXPECT_EQ(DealPrefill(c.num_left, c.budget), c.shares)
        << ::testing::PrintToString(c.num_left) << " budget " << c.budget;
  }
}

TEST(DealPrefill, FinishesShortPromptsBesideManyLongOnes) {
  std::vector<int> num_left(20, 1000);
  num_left.push_back(30);  // The youngest.
  EXPECT_EQ(DealPrefill(num_left, 256).back(), 30);
}

TEST(DealPrefillProperty, HoldsItsPromises) {
  std::mt19937 random(1);
  const auto pick = [&](int bound) { return static_cast<int>(random() % bound); };
  for (int round = 0; round < 5000; ++round) {
    std::vector<int> num_left(1 + pick(10));
    for (int& left : num_left) left = 1 + pick(pick(2) == 0 ? 10 : 200);
    const int budget = 1 + pick(200);
    const std::vector<int> shares = DealPrefill(num_left, budget);
    ASSERT_EQ(shares.size(), num_left.size());
    int unfinished = 0;
    for (size_t i = 0; i < shares.size(); ++i) {
      ASSERT_GE(shares[i], 0);
      ASSERT_LE(shares[i], num_left[i]);
      if (shares[i] > 0 && shares[i] < num_left[i]) ++unfinished;
    }
    EXPECT_LE(unfinished, 1);
    const int dealt = std::accumulate(shares.begin(), shares.end(), 0);
    const int wanted = std::accumulate(num_left.begin(), num_left.end(), 0);
    EXPECT_EQ(dealt, std::min(budget, wanted));
    EXPECT_GE(shares[0], std::min(num_left[0], (budget + 1) / 2));
  }
}

}  // namespace
}  // namespace chorus::runner
