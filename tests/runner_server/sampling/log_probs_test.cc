#include "runner_server/sampling/log_probs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

auto Is(int32_t id, double value) {
  return AllOf(Field(&LogProb::id, id), Field(&LogProb::value, DoubleNear(value, 1e-6)));
}

TEST(ComputeLogProbs, TakesTheLogarithmOfTheSoftmax) {
  // Probabilities 0.25, 0.5, 0.125, 0.125.
  const std::vector<float> logits = {std::log(4.f), std::log(8.f), std::log(2.f), std::log(2.f)};
  const LogProbs result = ComputeLogProbs(logits, 3, 3);
  EXPECT_THAT(result.chosen, Is(3, std::log(0.125)));
  EXPECT_THAT(result.top,
              ElementsAre(Is(1, std::log(0.5)), Is(0, std::log(0.25)), Is(2, std::log(0.125))));
  EXPECT_THAT(ComputeLogProbs(logits, 1, 0).top, IsEmpty());
}

TEST(ComputeLogProbs, PutsTheLowerIdFirstAmongEquals) {
  const std::vector<float> logits = {1, 2, 1, 2, 1, 2};
  const LogProbs result = ComputeLogProbs(logits, 0, 4);
  std::vector<int32_t> ids;
  for (const LogProb& token : result.top) ids.push_back(token.id);
  EXPECT_THAT(ids, ElementsAre(1, 3, 5, 0));
}

TEST(ComputeLogProbs, GivesNoMoreThanThereAre) {
  EXPECT_THAT(ComputeLogProbs(std::vector<float>{7}, 0, 20).top, ElementsAre(Is(0, 0)));
}

TEST(ComputeLogProbs, KeepsItsPrecisionFarFromZero) {
  const std::vector<float> logits = {3e4f, 3e4f - 1, -3e4f};
  const LogProbs result = ComputeLogProbs(logits, 2, 2);
  EXPECT_THAT(result.chosen, Is(2, -6e4 - std::log1p(std::exp(-1))));
  EXPECT_THAT(result.top,
              ElementsAre(Is(0, -std::log1p(std::exp(-1))), Is(1, -1 - std::log1p(std::exp(-1)))));
}

TEST(ComputeLogProbs, EqualsTorchsLogSoftmax) {
  std::ifstream file("tests/testdata/sampling/logprobs.json");
  ASSERT_TRUE(file.is_open());
  const nlohmann::json golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden["rows"].size(), 2u);
  for (const auto& row : golden["rows"]) {
    std::vector<float> logits;
    for (const int numerator : row["numerators"]) {
      logits.push_back(static_cast<float>(numerator) / row["denominator"].get<float>());
    }
    const auto expected = row["logprobs"].get<std::vector<double>>();
    std::vector<int32_t> ranked(logits.size());
    std::iota(ranked.begin(), ranked.end(), 0);
    std::stable_sort(ranked.begin(), ranked.end(),
                     [&](int32_t a, int32_t b) { return expected[a] > expected[b]; });
    for (size_t id = 0; id < logits.size(); ++id) {
      const LogProbs result = ComputeLogProbs(logits, static_cast<int32_t>(id), 20);
      EXPECT_NEAR(result.chosen.value, expected[id], 1e-12);
      ASSERT_EQ(result.top.size(), 20u);
      for (size_t i = 0; i < 20; ++i) {
        EXPECT_EQ(result.top[i].id, ranked[i]);
        EXPECT_NEAR(result.top[i].value, expected[ranked[i]], 1e-12);
      }
    }
  }
}

TEST(ComputeLogProbs, SurvivesLogitsThatAreNone) {
  EXPECT_TRUE(std::isnan(ComputeLogProbs(std::vector<float>{kNan, 1}, 1, 2).chosen.value));
  EXPECT_EQ(ComputeLogProbs(std::vector<float>{kNan, 1, kNan, 2}, 1, 4).top.size(), 2u);
  EXPECT_EQ(ComputeLogProbs(std::vector<float>{-kInfinity, 1}, 0, 2).chosen.value, -kInfinity);
}

}  // namespace
}  // namespace chorus::runner
