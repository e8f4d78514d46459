// A token chosen from a row's largest logits is the one that all of them give.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "base/generation_params.h"
#include "runner_server/sampling/sampler.h"
#include "tests/base/parse_proto.h"

namespace chorus::runner {
namespace {

chorus::v1::GenerationParams Params(const std::string& text) {
  chorus::v1::GenerationParams params = DefaultParams();
  Override(ParseProto<chorus::v1::GenerationParams>(text), params);
  return params;
}

struct Top {
  std::vector<int32_t> ids;  // Ascending.
  std::vector<float> logits;
};

// Of equal ones any may be among the largest: `random` decides.
Top TopOf(const std::vector<float>& logits, int num_top, std::mt19937& random) {
  Top top;
  top.ids.resize(logits.size());
  std::iota(top.ids.begin(), top.ids.end(), 0);
  std::ranges::shuffle(top.ids, random);
  std::ranges::stable_sort(top.ids, [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  top.ids.resize(num_top);
  std::ranges::sort(top.ids);
  for (const int32_t id : top.ids) top.logits.push_back(logits[id]);
  return top;
}

class SampleTopTest : public testing::TestWithParam<const char*> {};

TEST_P(SampleTopTest, IsWhatAllLogitsGiveOrNothing) {
  constexpr int kVocab = 200;
  const auto params = Params(GetParam());
  std::mt19937 random(1);
  Sampler sampler, all_sampler;
  int num_known = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    // Coarse ones have many ties.
    const bool is_coarse = round % 2 == 1;
    std::vector<float> logits(kVocab);
    for (float& logit : logits) {
      logit = std::normal_distribution<float>(round % 3 - 1.0f, 3)(random);
      if (is_coarse) logit = std::round(logit);
    }
    std::vector<int32_t> tokens(round % 20);
    for (int32_t& token : tokens) token = static_cast<int32_t>(random() % (kVocab + 5));
    const int num_top = NumTopNeeded(params, tokens.size());
    ASSERT_GT(num_top, 0);
    ASSERT_LT(num_top, kVocab);
    const double draw = std::uniform_real_distribution<double>(0, 1)(random);
    const Top top = TopOf(logits, num_top, random);
    const std::optional<int32_t> token =
        sampler.SampleTop(top.ids, top.logits, /*is_all=*/false, tokens, params, draw);
    const int32_t expected = all_sampler.Sample(logits, tokens, params, draw);
    if (token.has_value()) {
      ASSERT_EQ(*token, expected) << "round " << round;
    }
    num_known += !is_coarse && token.has_value();
    const Top all = TopOf(logits, kVocab, random);
    ASSERT_EQ(sampler.SampleTop(all.ids, all.logits, /*is_all=*/true, tokens, params, draw),
              expected);
  }
  EXPECT_EQ(num_known, kRounds / 2);  // Without ties it always suffices.
}

INSTANTIATE_TEST_SUITE_P(
    Params, SampleTopTest,
    testing::Values("do_sample: false", "do_sample: false repetition_penalty: 1.3",
                    "do_sample: false logprobs: 7", "top_k: 1", "top_k: 10",
                    "top_k: 50 top_p: 0.8 temperature: 0.7", "top_k: 20 min_p: 0.1",
                    "top_k: 30 repetition_penalty: 2 temperature: 1.5", "top_k: 3 logprobs: 20"));

TEST(NumTopNeeded, KnowsWhenAllAreNeeded) {
  EXPECT_EQ(NumTopNeeded(Params("do_sample: false"), 100), 2);
  EXPECT_EQ(NumTopNeeded(Params("top_k: 50"), 100), 51);
  EXPECT_EQ(NumTopNeeded(Params("top_k: 50 logprobs: 20"), 100), 51);
  EXPECT_EQ(NumTopNeeded(Params("top_k: 5 logprobs: 20"), 100), 21);
  EXPECT_EQ(NumTopNeeded(Params("top_k: 50 repetition_penalty: 1.1"), 100), 151);
  EXPECT_EQ(NumTopNeeded(Params("top_k: 0"), 100), 0);
  EXPECT_EQ(NumTopNeeded(Params("top_k: 5 repetition_penalty: 0.9"), 100), 0);
  EXPECT_EQ(NumTopNeeded(Params("top_k: 5 repetition_penalty: 1.1"), 2000), 0);
  EXPECT_EQ(NumTopNeeded(Params("top_k: 1024"), 1), 0);
  EXPECT_EQ(NumTopNeeded(Params("top_k: 1023"), 1), 1024);
}

}  // namespace
}  // namespace chorus::runner
