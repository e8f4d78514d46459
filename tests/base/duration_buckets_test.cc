#include "base/duration_buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chorus {
namespace {

using ::testing::ElementsAre;

TEST(DurationBuckets, ReachTheLongestCall) {
  EXPECT_THAT(DurationBuckets({1, 2.5}, absl::Seconds(2)), ElementsAre(1, 2.5));
  EXPECT_THAT(DurationBuckets({1, 2.5}, absl::Seconds(2.5)), ElementsAre(1, 2.5));
  EXPECT_THAT(DurationBuckets({1, 10}, absl::Seconds(300)),
              ElementsAre(1, 10, 15, 30, 60, 120, 300));
  EXPECT_THAT(DurationBuckets({1, 40}, absl::Seconds(301)), ElementsAre(1, 40, 60, 120, 300, 600));
  EXPECT_EQ(DurationBuckets({1}, kLongestMaxTimeout).back(), 86400);
  EXPECT_EQ(DurationBuckets({1}, absl::Hours(48)).back(), 172800);
}

}  // namespace
}  // namespace chorus
