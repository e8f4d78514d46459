#include "runner_server/model/random_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace chorus::runner {
namespace {

constexpr size_t kCount = 100'001;

double Mean(const std::vector<float>& values, double power) {
  double sum = 0;
  for (const float value : values) sum += std::pow(value, power);
  return sum / static_cast<double>(values.size());
}

TEST(NormalWeights, AreNormal) {
  const std::vector<float> weights =
      NormalWeights(7, "classifier.weight", kCount, {.deviation = 2});
  ASSERT_EQ(weights.size(), kCount);
  EXPECT_NEAR(Mean(weights, 1), 0, 0.03);    // By four deviations of the mean,
  EXPECT_NEAR(Mean(weights, 2), 4, 0.08);    // of the square,
  EXPECT_NEAR(Mean(weights, 4), 3 * 16, 3);  // and of the fourth power.
  const auto within = std::count_if(weights.begin(), weights.end(),
                                    [](float weight) { return std::abs(weight) < 2; });
  EXPECT_NEAR(static_cast<double>(within) / kCount, 0.6827, 0.006);
  EXPECT_GT(*std::max_element(weights.begin(), weights.end()), 7);
}

TEST(NormalWeights, AreCutWhereTheyAreToBe) {
  const std::vector<float> weights =
      NormalWeights(7, "w", kCount, {.deviation = 0.5f, .most_deviations = 2});
  EXPECT_LE(*std::max_element(weights.begin(), weights.end()), 1);
  EXPECT_GE(*std::min_element(weights.begin(), weights.end()), -1);
  EXPECT_NEAR(Mean(weights, 1), 0, 0.007);
  EXPECT_NEAR(std::sqrt(Mean(weights, 2)), 0.5 * 0.8796, 0.005);  // Of a normal cut at 2.
}

TEST(NormalWeights, AreAFunctionOfSeedNameAndPlace) {
  const std::vector<float> weights = NormalWeights(7, "a", 10, {.deviation = 1});
  EXPECT_EQ(NormalWeights(7, "a", 10, {.deviation = 1}), weights);
  EXPECT_NE(NormalWeights(8, "a", 10, {.deviation = 1}), weights);
  EXPECT_NE(NormalWeights(7, "b", 10, {.deviation = 1}), weights);
  const std::vector<float> fewer = NormalWeights(7, "a", 9, {.deviation = 1});
  EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), weights.begin()));
  EXPECT_TRUE(NormalWeights(7, "a", 0, {.deviation = 1}).empty());
}

}  // namespace
}  // namespace chorus::runner
