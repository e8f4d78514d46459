#include "runner_server/sampling/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/generation_params.h"
#include "runner_server/sampling/counter_rng.h"
#include "tests/base/parse_proto.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<int32_t> KeptIds(Sampler& sampler, const std::vector<float>& logits,
                             const chorus::v1::GenerationParams& params,
                             const std::vector<int32_t>& tokens = {}) {
  std::vector<int32_t> ids;
  for (const Candidate& candidate : sampler.Filter(logits, tokens, params)) {
    ids.push_back(candidate.id);
  }
  return ids;
}

// Given as text, on top of the defaults.
chorus::v1::GenerationParams Params(const std::string& text) {
  chorus::v1::GenerationParams params = DefaultParams();
  Override(ParseProto<chorus::v1::GenerationParams>(text), params);
  return params;
}

// The choice at `position`, after so many tokens 0.
int32_t SampleAt(Sampler& sampler, const std::vector<float>& logits,
                 const chorus::v1::GenerationParams& params, size_t position, uint32_t branch = 0,
                 uint32_t sequence = 0) {
  static const std::vector<int32_t> zeros(100000);
  return sampler.Sample(logits, std::span(zeros).first(position), params,
                        UniformAt(params.seed(), branch, sequence, position));
}

// The row of a golden file.
std::vector<float> GoldenLogits(const nlohmann::json& row) {
  std::vector<float> logits;
  for (const int numerator : row["numerators"]) {
    logits.push_back(static_cast<float>(numerator) / row["denominator"].get<float>());
  }
  return logits;
}

// Pearson's statistic of `counts` against what `probabilities` let expect of `num_draws`.
double ChiSquared(const std::vector<int>& counts, const std::vector<double>& probabilities,
                  int num_draws) {
  double chi_squared = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = num_draws * probabilities[i];
    if (expected == 0) {
      EXPECT_EQ(counts[i], 0) << i;
    } else {
      chi_squared += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
  }
  return chi_squared;
}

// Reproducible logits in about [-4, 4].
std::vector<float> MakeLogits(size_t size, uint64_t seed) {
  std::vector<float> logits(size);
  for (size_t i = 0; i < size; ++i)
    logits[i] = static_cast<float>(8 * UniformAt(seed, 0, 0, i) - 4);
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
    EXPECT_EQ(
        SampleAt(sampler, logits, Params("do_sample: false temperature: -1 top_p: 0"), position),
        1);
    EXPECT_EQ(SampleAt(sampler, logits, Params("temperature: 0"), position), 1);
  }
}

TEST(SamplerFilter, KeepsWhatHuggingFaceKeeps) {
  std::ifstream file("tests/testdata/sampling/filter.json");
  ASSERT_TRUE(file.is_open());
  const nlohmann::json golden = nlohmann::json::parse(file);
  ASSERT_GT(golden["cases"].size(), 400u);
  Sampler sampler;  // One for all: nothing may leak from call to call.
  for (auto c : golden["cases"]) {
    const auto& row = golden["rows"][c["row"].get<size_t>()];
    const std::vector<float> logits = GoldenLogits(row);
    const auto tokens = row["tokens"].get<std::vector<int32_t>>();
    chorus::v1::GenerationParams params = Params("do_sample: false");
    params.set_repetition_penalty(c["repetition_penalty"]);
    params.set_temperature(c["temperature"]);
    params.set_top_k(c["top_k"]);
    params.set_top_p(c["top_p"]);
    params.set_min_p(c["min_p"]);
    const auto kept = c["kept"].get<std::vector<int32_t>>();
    const int32_t likeliest = sampler.Sample(logits, tokens, params, 0);
    EXPECT_EQ(likeliest, c["likeliest"]) << c;
    EXPECT_THAT(KeptIds(sampler, logits, params, tokens), ElementsAreArray(kept)) << c;
  }
}

TEST(Sampler, PenalizesEachTokenOnceAndOnlyThose) {
  Sampler sampler;
  const std::vector<float> logits = {4, 3, -1, -1.5f};
  const chorus::v1::GenerationParams params = Params("do_sample: false repetition_penalty: 1.6");
  EXPECT_EQ(sampler.Sample(logits, std::vector<int32_t>{0}, params, 0), 1);
  EXPECT_EQ(sampler.Sample(logits, std::vector<int32_t>{0, 1}, params, 0), 0);
  EXPECT_EQ(sampler.Sample(logits, std::vector<int32_t>{0, 1, 0, 0}, params, 0), 0);
  // Ids beyond the vocabulary, such as a BOS token's that no text has, have no logit.
  EXPECT_EQ(sampler.Sample(logits, std::vector<int32_t>{4, 1000000, -1}, params, 0), 0);
  const std::vector<float> negative = {-1, -1.5f};
  EXPECT_EQ(sampler.Sample(negative, std::vector<int32_t>{0}, params, 0), 1);
  // Below 1, it rewards.
  EXPECT_EQ(sampler.Sample(logits, std::vector<int32_t>{1},
                           Params("do_sample: false repetition_penalty: 0.5"), 0),
            1);
}

TEST(SamplerFilter, MinPComparesWithTheLikeliest) {
  Sampler sampler;
  // 8 : 4 : 2 : 2.
  const std::vector<float> logits = {std::log(4.f), std::log(8.f), std::log(2.f), std::log(2.f)};
  EXPECT_THAT(KeptIds(sampler, logits, Params("top_k: 0 min_p: 0.2")), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(KeptIds(sampler, logits, Params("top_k: 0 min_p: 0.3")), ElementsAre(0, 1));
  EXPECT_THAT(KeptIds(sampler, logits, Params("top_k: 0 min_p: 1")), ElementsAre(1));
  EXPECT_THAT(KeptIds(sampler, {5, 5, 1}, Params("top_k: 0 min_p: 1")), ElementsAre(0, 1));
}

TEST(SamplerFilter, TopKKeepsTies) {
  Sampler sampler;
  EXPECT_THAT(KeptIds(sampler, {1, 2, 2, 3, 2}, Params("top_k: 2")), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(KeptIds(sampler, {5, 5, 5}, Params("top_k: 1")), ElementsAre(0, 1, 2));
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
    EXPECT_EQ(KeptIds(sampler, logits, Params(absl::StrCat("top_k: ", k))), expected) << k;
  }
}

TEST(SamplerFilter, TopPKeepsAtLeastOne) {
  Sampler sampler;
  EXPECT_THAT(KeptIds(sampler, {0, 1, 0.5f}, Params("top_k: 0 top_p: 1e-12")), ElementsAre(1));
}

TEST(SamplerFilter, TopPStopsWhereTheSumIsReached) {
  Sampler sampler;
  // Probabilities 0.5, 0.25, 0.125, 0.125.
  const std::vector<float> logits = {std::log(4.f), std::log(8.f), std::log(2.f), std::log(2.f)};
  EXPECT_THAT(KeptIds(sampler, logits, Params("top_k: 0 top_p: 0.45")), ElementsAre(1));
  EXPECT_THAT(KeptIds(sampler, logits, Params("top_k: 0 top_p: 0.6")), ElementsAre(0, 1));
  EXPECT_THAT(KeptIds(sampler, logits, Params("top_k: 0 top_p: 0.8")), ElementsAre(0, 1, 3));
  EXPECT_THAT(KeptIds(sampler, logits, Params("top_k: 0 top_p: 0.99")), ElementsAre(0, 1, 2, 3));
}

TEST(Sampler, DrawsInProportionToTheProbabilities) {
  Sampler sampler;
  const std::vector<float> logits = {0, 1, 2, -1, 0.5f, 1.5f};
  const chorus::v1::GenerationParams params = Params("temperature: 1.3 top_k: 0 seed: 5");
  constexpr int kDraws = 30000;
  std::vector<int> counts(logits.size());
  for (int position = 0; position < kDraws; ++position) {
    ++counts[SampleAt(sampler, logits, params, position)];
  }
  double total = 0;
  for (const float logit : logits) total += std::exp(logit / 1.3);
  std::vector<double> probabilities;
  for (const float logit : logits) probabilities.push_back(std::exp(logit / 1.3) / total);
  EXPECT_LT(ChiSquared(counts, probabilities, kDraws), 20.5);  // 5 degrees of freedom, p = 0.001.
}

TEST(Sampler, DrawsInProportionToWhatAllTheCutsLeave) {
  Sampler sampler;
  // At temperature 2, 16 : 8 : 8 : 4 : 2 : 2 : 1. top_k takes away the last, top_p 0.94 the later
  // of the 2 : 2 before it, min_p the other.
  std::vector<float> logits;
  for (const double weight : {4, 16, 8, 2, 1, 8, 2}) {
    logits.push_back(static_cast<float>(2 * std::log(weight)));
  }
  const chorus::v1::GenerationParams params =
      Params("temperature: 2 top_k: 5 top_p: 0.94 min_p: 0.2 seed: 12");
  const std::vector<double> probabilities = {4 / 36.0, 16 / 36.0, 8 / 36.0, 0, 0, 8 / 36.0, 0};
  constexpr int kDraws = 30000;
  std::vector<int> counts(logits.size());
  for (int position = 0; position < kDraws; ++position) {
    ++counts[SampleAt(sampler, logits, params, position, 0, 3)];
  }
  EXPECT_LT(ChiSquared(counts, probabilities, kDraws), 16.3);  // 3 degrees of freedom, p = 0.001.
}

TEST(Sampler, DrawsOnlyWhatTheFilterKeeps) {
  Sampler sampler;
  const std::vector<float> logits = MakeLogits(500, 3);
  const chorus::v1::GenerationParams params = Params("top_k: 20 top_p: 0.8 seed: 9");
  const std::vector<int32_t> kept = KeptIds(sampler, logits, params);
  std::vector<bool> drawn(logits.size());
  for (uint64_t position = 0; position < 2000; ++position) {
    drawn[SampleAt(sampler, logits, params, position)] = true;
  }
  for (size_t id = 0; id < logits.size(); ++id) {
    EXPECT_TRUE(!drawn[id] || std::binary_search(kept.begin(), kept.end(), id)) << id;
  }
  EXPECT_GT(std::count(drawn.begin(), drawn.end(), true), 10);
}

TEST(Sampler, DependsOnSeedBranchSequenceAndPositionAlone) {
  const std::vector<float> logits = MakeLogits(1000, 4);
  const auto draw = [&](uint64_t seed, uint32_t branch, uint32_t sequence, Sampler& sampler) {
    chorus::v1::GenerationParams params = DefaultParams();
    params.set_seed(seed);
    std::vector<int32_t> ids;
    for (uint64_t position = 0; position < 32; ++position) {
      ids.push_back(SampleAt(sampler, logits, params, position, branch, sequence));
    }
    return ids;
  };
  Sampler fresh, used;
  draw(77, 0, 0, used);
  const std::vector<int32_t> ids = draw(1, 2, 0, fresh);
  EXPECT_EQ(draw(1, 2, 0, used), ids);
  EXPECT_NE(draw(1, 3, 0, used), ids);
  EXPECT_NE(draw(2, 2, 0, used), ids);
  EXPECT_NE(draw(1, 2, 1, used), ids);
}

TEST(Sampler, NeverDrawsWhatIsImpossible) {
  Sampler sampler;
  const std::vector<float> logits = {-kInfinity, 1, -kInfinity, 1, -kInfinity};
  for (uint64_t position = 0; position < 200; ++position) {
    const int32_t id = SampleAt(sampler, logits, Params("top_k: 0"), position);
    EXPECT_TRUE(id == 1 || id == 3) << id;
  }
}

TEST(Sampler, SurvivesLogitsThatLeaveNothingToDraw) {
  Sampler sampler;
  EXPECT_EQ(SampleAt(sampler, {kNan, kNan}, DefaultParams(), 0), 0);
  EXPECT_EQ(SampleAt(sampler, {1, kInfinity, 2}, DefaultParams(), 0), 1);
  EXPECT_EQ(SampleAt(sampler, {-kInfinity, -kInfinity}, DefaultParams(), 0), 0);
  EXPECT_EQ(SampleAt(sampler, {kNan, 3, 4}, Params("top_k: 1"), 0), 2);
  EXPECT_EQ(SampleAt(sampler, {1, 3, 2}, Params("temperature: 1e-45"), 0), 1);
  // What is left over goes through the other cuts as well.
  EXPECT_EQ(SampleAt(sampler, {kNan, 3, 4}, Params("top_k: 0 top_p: 0.5 min_p: 1"), 0), 2);
  EXPECT_EQ(SampleAt(sampler, {-2, 1}, Params("repetition_penalty: 1e300"), 5), 1);
  EXPECT_EQ(SampleAt(sampler, {2, 1}, Params("repetition_penalty: 1e-300"), 5), 0);
}

}  // namespace
}  // namespace chorus::runner
