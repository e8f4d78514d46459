#include "api_server/graph/windowed_quantiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chorus::gateway {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1000);

MATCHER_P(IsAbout, duration, "") {
  return arg.has_value() && absl::AbsDuration(*arg - duration) <= 0.05 * duration;
}

TEST(WindowedQuantilesTest, IsEmptyAtFirst) {
  WindowedQuantiles quantiles;
  EXPECT_EQ(quantiles.Count(kStart), 0u);
  EXPECT_FALSE(quantiles.Quantile(0.5, kStart).has_value());
}

TEST(WindowedQuantilesTest, TellsQuantilesToWithinFivePercent) {
  WindowedQuantiles quantiles;
  for (int i = 1; i <= 1000; ++i) quantiles.Add(absl::Milliseconds(i), kStart);
  EXPECT_EQ(quantiles.Count(kStart), 1000u);
  EXPECT_THAT(quantiles.Quantile(0, kStart), IsAbout(absl::Milliseconds(1)));
  EXPECT_THAT(quantiles.Quantile(0.5, kStart), IsAbout(absl::Milliseconds(500)));
  EXPECT_THAT(quantiles.Quantile(0.99, kStart), IsAbout(absl::Milliseconds(990)));
  EXPECT_THAT(quantiles.Quantile(1, kStart), IsAbout(absl::Milliseconds(1000)));
}

TEST(WindowedQuantilesTest, TakesWhatIsOutOfRange) {
  WindowedQuantiles quantiles;
  quantiles.Add(-absl::Seconds(1), kStart);
  quantiles.Add(absl::ZeroDuration(), kStart);
  EXPECT_THAT(quantiles.Quantile(1, kStart), IsAbout(absl::Microseconds(100)));
  quantiles.Add(absl::InfiniteDuration(), kStart);
  EXPECT_GT(quantiles.Quantile(1, kStart), absl::Seconds(1000));
}

TEST(WindowedQuantilesTest, ForgetsWhatIsOlderThanTheWindow) {
  const absl::Duration window = WindowedQuantiles::kSlice * WindowedQuantiles::kNumSlices;
  WindowedQuantiles quantiles;
  quantiles.Add(absl::Seconds(2), kStart);
  quantiles.Add(absl::Seconds(8), kStart + WindowedQuantiles::kSlice);
  EXPECT_EQ(quantiles.Count(kStart + window - WindowedQuantiles::kSlice), 2u);
  EXPECT_EQ(quantiles.Count(kStart + window), 1u);
  EXPECT_THAT(quantiles.Quantile(0, kStart + window), IsAbout(absl::Seconds(8)));
  EXPECT_EQ(quantiles.Count(kStart + 100 * window), 0u);
}

TEST(WindowedQuantilesTest, DoesNotGoBackInTime) {
  WindowedQuantiles quantiles;
  quantiles.Add(absl::Seconds(2), kStart);
  quantiles.Add(absl::Seconds(2), kStart - absl::Hours(1));
  EXPECT_EQ(quantiles.Count(kStart), 2u);
}

}  // namespace
}  // namespace chorus::gateway
