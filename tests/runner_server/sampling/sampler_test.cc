#include "runner_server/sampling/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "runner_server/sampling/counter_rng.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<int32_t> KeptIds(Sampler& sampler, const std::vector<float>& logits,
                             const SamplingParams& params) {
  std::vector<int32_t> ids;
  for (const Candidate& candidate : sampler.Filter(logits, params)) ids.push_back(candidate.id);
  return ids;
}

// Reproducible logits in about [-4, 4].
std::vector<float> MakeLogits(size_t size, uint64_t seed) {
  std::vector<float> logits(size);
  for (size_t i = 0; i < size; ++i) logits[i] = static_cast<float>(8 * UniformAt(seed, 0, i) - 4);
  return logits;
}

TEST(ArgMax, TakesTheFirstOfEquals) {
  EXPECT_EQ(ArgMax(std::vector<float>{1, 3, 2, 3}), 1);
  std::vector<float> logits(1000, -1);
  logits[700] = logits[130] = 5;
  EXPECT_EQ(ArgMax(logits), 130);
  logits[999] = 6;
  EXPECT_EQ(ArgMax(logits), 999);
}

TEST(ArgMax, IgnoresNan) {
  EXPECT_EQ(ArgMax(std::vector<float>{kNan, 1, kNan, 2, kNan}), 3);
  EXPECT_EQ(ArgMax(std::vector<float>{kNan, kNan}), 0);
  EXPECT_EQ(ArgMax(std::vector<float>{-kInfinity, -kInfinity}), 0);
}

TEST(Sampler, GreedyTakesTheLikeliestWhateverElseIsSet) {
  Sampler sampler;
  const std::vector<float> logits = {0, 4, 4, 1};
  for (uint64_t position = 0; position < 20; ++position) {
    EXPECT_EQ(sampler.Sample(logits, {.do_sample = false, .temperature = 0, .top_p = 0}, position),
              1);
  }
}

TEST(SamplerFilter, KeepsWhatHuggingFaceKeeps) {
  std::ifstream file("tests/testdata/sampling/filter.json");
  ASSERT_TRUE(file.is_open());
  const nlohmann::json golden = nlohmann::json::parse(file);
  ASSERT_GT(golden["cases"].size(), 100u);
  Sampler sampler;  // One for all: nothing may leak from call to call.
  for (const auto& c : golden["cases"]) {
    const auto& row = golden["rows"][c["row"].get<size_t>()];
    std::vector<float> logits;
    for (const int numerator : row["numerators"]) {
      logits.push_back(static_cast<float>(numerator) / row["denominator"].get<float>());
    }
    const SamplingParams params = {
        .temperature = c["temperature"], .top_k = c["top_k"], .top_p = c["top_p"]};
    EXPECT_THAT(KeptIds(sampler, logits, params),
                ElementsAreArray(c["kept"].get<std::vector<int32_t>>()))
        << "row " << c["row"] << " temperature " << c["temperature"] << " top_k " << c["top_k"]
        << " top_p " << c["top_p"];
  }
}

TEST(SamplerFilter, TopKKeepsTies) {
  Sampler sampler;
  EXPECT_THAT(KeptIds(sampler, {1, 2, 2, 3, 2}, {.top_k = 2}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(KeptIds(sampler, {5, 5, 5}, {.top_k = 1}), ElementsAre(0, 1, 2));
}

TEST(SamplerFilter, TopKOfALargeVocabularyEqualsSorting) {
  Sampler sampler;
  const std::vector<float> logits = MakeLogits(50257, 11);
  for (const uint32_t k : {1u, 2u, 50u, 1000u, 50256u}) {
    std::vector<float> sorted = logits;
    std::sort(sorted.begin(), sorted.end(), std::greater<float>());
    std::vector<int32_t> expected;
    for (size_t i = 0; i < logits.size(); ++i) {
      if (logits[i] >= sorted[k - 1]) expected.push_back(static_cast<int32_t>(i));
    }
    EXPECT_EQ(KeptIds(sampler, logits, {.top_k = k}), expected) << k;
  }
}

TEST(SamplerFilter, TopPKeepsAtLeastOne) {
  Sampler sampler;
  EXPECT_THAT(KeptIds(sampler, {0, 1, 0.5f}, {.top_k = 0, .top_p = 1e-12}), ElementsAre(1));
}

TEST(SamplerFilter, TopPStopsWhereTheSumIsReached) {
  Sampler sampler;
  // Probabilities 0.5, 0.25, 0.125, 0.125.
  const std::vector<float> logits = {std::log(4.f), std::log(8.f), std::log(2.f), std::log(2.f)};
  EXPECT_THAT(KeptIds(sampler, logits, {.top_k = 0, .top_p = 0.45}), ElementsAre(1));
  EXPECT_THAT(KeptIds(sampler, logits, {.top_k = 0, .top_p = 0.6}), ElementsAre(0, 1));
  EXPECT_THAT(KeptIds(sampler, logits, {.top_k = 0, .top_p = 0.8}), ElementsAre(0, 1, 3));
  EXPECT_THAT(KeptIds(sampler, logits, {.top_k = 0, .top_p = 0.99}), ElementsAre(0, 1, 2, 3));
}

TEST(Sampler, DrawsInProportionToTheProbabilities) {
  Sampler sampler;
  const std::vector<float> logits = {0, 1, 2, -1, 0.5f, 1.5f};
  const SamplingParams params = {.temperature = 1.3, .top_k = 0, .seed = 5};
  constexpr int kDraws = 30000;
  std::vector<int> counts(logits.size());
  for (int position = 0; position < kDraws; ++position) {
    ++counts[sampler.Sample(logits, params, position)];
  }
  double total = 0;
  for (const float logit : logits) total += std::exp(logit / 1.3);
  double chi_squared = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double expected = kDraws * std::exp(logits[i] / 1.3) / total;
    chi_squared += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  EXPECT_LT(chi_squared, 20.5);  // 5 degrees of freedom, p = 0.001.
}

TEST(Sampler, DrawsOnlyWhatTheFilterKeeps) {
  Sampler sampler;
  const std::vector<float> logits = MakeLogits(500, 3);
  const SamplingParams params = {.top_k = 20, .top_p = 0.8, .seed = 9};
  const std::vector<int32_t> kept = KeptIds(sampler, logits, params);
  std::vector<bool> drawn(logits.size());
  for (uint64_t position = 0; position < 2000; ++position) {
    drawn[sampler.Sample(logits, params, position)] = true;
  }
  for (size_t id = 0; id < logits.size(); ++id) {
    EXPECT_TRUE(!drawn[id] || std::binary_search(kept.begin(), kept.end(), id)) << id;
  }
  EXPECT_GT(std::count(drawn.begin(), drawn.end(), true), 10);
}

TEST(Sampler, DependsOnSeedBranchAndPositionAlone) {
  const std::vector<float> logits = MakeLogits(1000, 4);
  const auto draw = [&](SamplingParams params, Sampler& sampler) {
    std::vector<int32_t> ids;
    for (uint64_t position = 0; position < 32; ++position) {
      ids.push_back(sampler.Sample(logits, params, position));
    }
    return ids;
  };
  Sampler fresh, used;
  draw({.seed = 77}, used);
  const std::vector<int32_t> ids = draw({.seed = 1, .branch = 2}, fresh);
  EXPECT_EQ(draw({.seed = 1, .branch = 2}, used), ids);
  EXPECT_NE(draw({.seed = 1, .branch = 3}, used), ids);
  EXPECT_NE(draw({.seed = 2, .branch = 2}, used), ids);
}

TEST(Sampler, NeverDrawsWhatIsImpossible) {
  Sampler sampler;
  const std::vector<float> logits = {-kInfinity, 1, -kInfinity, 1, -kInfinity};
  for (uint64_t position = 0; position < 200; ++position) {
    const int32_t id = sampler.Sample(logits, {.top_k = 0}, position);
    EXPECT_TRUE(id == 1 || id == 3) << id;
  }
}

TEST(Sampler, SurvivesLogitsThatLeaveNothingToDraw) {
  Sampler sampler;
  EXPECT_EQ(sampler.Sample(std::vector<float>{kNan, kNan}, {}, 0), 0);
  EXPECT_EQ(sampler.Sample(std::vector<float>{1, kInfinity, 2}, {}, 0), 1);
  EXPECT_EQ(sampler.Sample(std::vector<float>{-kInfinity, -kInfinity}, {}, 0), 0);
  EXPECT_EQ(sampler.Sample(std::vector<float>{kNan, 3, 4}, {.top_k = 1}, 0), 2);
  EXPECT_EQ(sampler.Sample(std::vector<float>{1, 3, 2}, {.temperature = 1e-45}, 0), 1);
}

}  // namespace
}  // namespace chorus
