#include "api_server/runners/replica_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace chorus::gateway {
namespace {

TEST(ChooseReplica, TakesTheOnlyOne) {
  EXPECT_EQ(ChooseReplica(std::vector<int64_t>{7}, 0), 0u);
  EXPECT_EQ(ChooseReplica(std::vector<int64_t>{7}, ~uint64_t{0}), 0u);
}

TEST(ChooseReplica, TakesTheLessLoadedOfTwoWhateverTheRandomNumber) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(ChooseReplica(std::vector<int64_t>{3, 2}, random()), 1u);
    EXPECT_EQ(ChooseReplica(std::vector<int64_t>{0, 2}, random()), 0u);
  }
}

TEST(ChooseReplica, NeverTakesTheMostLoadedOfMany) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_NE(ChooseReplica(std::vector<int64_t>{1, 9, 1, 1, 1}, random()), 1u);
  }
}

TEST(ChooseReplica, SpreadsOverEquals) {
  std::mt19937_64 random(1);
  std::vector<int> chosen(5);
  for (int i = 0; i < 5000; ++i) ++chosen[ChooseReplica(std::vector<int64_t>(5, 4), random())];
  // 1000 each, with a standard deviation of 28.
  EXPECT_THAT(chosen, testing::Each(testing::AllOf(testing::Gt(850), testing::Lt(1150))));
}

}  // namespace
}  // namespace chorus::gateway
