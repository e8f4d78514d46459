#include "model_store/hub/retry_policy.h"

#include <gtest/gtest.h>

namespace chorus::store {
namespace {

constexpr RetryPolicy::Options kOptions{.max_failures = 5,
                                        .first_delay = absl::Seconds(1),
                                        .max_delay = absl::Seconds(3),
                                        .max_retry_after = absl::Seconds(60)};

TEST(RetryPolicy, WaitsLongerEachTimeAndThenGivesUp) {
  RetryPolicy policy(kOptions);
  for (const int seconds : {1, 2, 3, 3}) {
    EXPECT_EQ(policy.OnFailure(false, std::nullopt, 1), absl::Seconds(seconds));
  }
  EXPECT_EQ(policy.OnFailure(false, std::nullopt, 1), std::nullopt);
}

TEST(RetryPolicy, BeginsAnewAfterProgress) {
  RetryPolicy policy(kOptions);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(policy.OnFailure(true, std::nullopt, 1), absl::Seconds(1));
    EXPECT_EQ(policy.OnFailure(false, std::nullopt, 1), absl::Seconds(2));
  }
}

TEST(RetryPolicy, LeavesHalfOfTheDelayToChance) {
  EXPECT_EQ(RetryPolicy(kOptions).OnFailure(false, std::nullopt, 0), absl::Milliseconds(500));
  EXPECT_EQ(RetryPolicy(kOptions).OnFailure(false, std::nullopt, 0.5), absl::Milliseconds(750));
}

TEST(RetryPolicy, KeepsToWhatTheServerAsksForUpToALimit) {
  const struct {
    absl::Duration asked;
    absl::Duration waited;
  } kCases[] = {{absl::Milliseconds(100), absl::Seconds(1)},
                {absl::Seconds(20), absl::Seconds(20)},
                {absl::Hours(5), absl::Seconds(60)}};
  for (const auto& c : kCases) {
    EXPECT_EQ(RetryPolicy(kOptions).OnFailure(false, c.asked, 1), c.waited);
  }
}

}  // namespace
}  // namespace chorus::store
