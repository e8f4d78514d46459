#include "cli/bench/report/histogram.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "cli/bench/load/random.h"

namespace chorus::bench {
namespace {

TEST(Histogram, QuantilesAreTrueToFourThousandths) {
  Random random(1, 0);
  Histogram histogram;
  std::vector<double> values(20000);
  for (double& value : values) {
    value = std::pow(10, -5 + 6 * random.Uniform());  // 10 us to 10 s.
    histogram.Add(value);
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = values[static_cast<size_t>(std::ceil(q * 20000)) - 1];
    EXPECT_NEAR(histogram.Quantile(q) / exact, 1, 0.004) << q;
  }
}

TEST(Histogram, QuantileIsTheNearestRank) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.Add(i);
  EXPECT_NEAR(histogram.Quantile(0.5), 50, 0.2);
  EXPECT_NEAR(histogram.Quantile(0.99), 99, 0.4);
  EXPECT_NEAR(histogram.Quantile(0.991), 100, 0.4);
  EXPECT_EQ(histogram.Quantile(0), 1);
  EXPECT_EQ(histogram.Quantile(1), 100);
  EXPECT_EQ(histogram.mean(), 50.5);
}

TEST(Histogram, OfNothingIsZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_EQ(histogram.Buckets().dump(), "[]");
}

TEST(Histogram, TakesWhatNoClockShouldGive) {
  Histogram histogram;
  histogram.Add(-1);
  histogram.Add(1e9);
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_GE(histogram.Quantile(1), 86000);
  EXPECT_EQ(Histogram::FromBuckets(histogram.Buckets()).count(), 2u);
}

TEST(Histogram, BucketsComeBack) {
  Histogram histogram;
  Random random(1, 0);
  for (int i = 0; i < 1000; ++i) histogram.Add(random.Exponential() / 50, 1 + random.Bits() % 3);
  const Histogram again = Histogram::FromBuckets(histogram.Buckets());
  EXPECT_EQ(again.count(), histogram.count());
  EXPECT_EQ(again.Buckets(), histogram.Buckets());
  EXPECT_NEAR(again.Quantile(0.9), histogram.Quantile(0.9), 1e-8);
}

TEST(Histogram, OthersBucketsAreNone) {
  for (const char* text : {"[[1]]", "[1]", "[[\"a\", 1]]", "[[1, -1]]", "[[-1, 1]]", "[[1e300, 1]]",
                           "[[1, 18446744073709551615]]", "[[1, 281474976710656], [2, 1]]"}) {
    EXPECT_EQ(Histogram::FromBuckets(nlohmann::ordered_json::parse(text)).count(), 0u) << text;
  }
}

TEST(Histogram, AddsAnother) {
  Histogram one, all;
  one.Add(1, 2);
  one.Add(3);
  all.Add(0.5);
  all.Add(one, 2);
  all.Add(one, 0);
  EXPECT_EQ(all.count(), 7u);
  EXPECT_EQ(all.min(), 0.5);
  EXPECT_EQ(all.max(), 3);
  EXPECT_NEAR(all.mean(), 10.5 / 7, 1e-9);
}

}  // namespace
}  // namespace chorus::bench
