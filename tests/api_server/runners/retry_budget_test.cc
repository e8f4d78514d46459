#include "api_server/runners/retry_budget.h"

#include <gtest/gtest.h>

namespace chorus::gateway {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1000);

int TakeAll(RetryBudget& budget, absl::Time now) {
  int count = 0;
  while (count < 10'000 && budget.TakeRetry(now)) ++count;
  return count;
}

TEST(RetryBudget, AllowsTheFloorWithoutCalls) {
  RetryBudget budget;
  EXPECT_EQ(TakeAll(budget, kStart), 100);
  EXPECT_FALSE(budget.TakeRetry(kStart + absl::Seconds(5)));
}

TEST(RetryBudget, AllowsAFifthOfTheLastCallsBesides) {
  RetryBudget budget;
  for (int i = 0; i < 1000; ++i) budget.OnCall(kStart);
  EXPECT_EQ(TakeAll(budget, kStart + absl::Seconds(5)), 300);
}

TEST(RetryBudget, ForgetsCallsAndRetriesAfterTenSeconds) {
  RetryBudget budget;
  for (int i = 0; i < 1000; ++i) budget.OnCall(kStart);
  EXPECT_EQ(TakeAll(budget, kStart), 300);
  EXPECT_EQ(TakeAll(budget, kStart + absl::Seconds(9)), 0);
  EXPECT_EQ(TakeAll(budget, kStart + absl::Seconds(11)), 100);
}

}  // namespace
}  // namespace chorus::gateway
