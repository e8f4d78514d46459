#include "runner_server/sampling/logit_edits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/base/parse_proto.h"

namespace chorus::runner {
namespace {

using Params = chorus::v1::GenerationParams;

TEST(EditLogits, EqualsTransformersProcessorsAndOpenAisFormula) {
  std::ifstream file("tests/testdata/sampling/edits.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  std::vector<float> logits, edited;
  for (const int numerator : golden.at("numerators")) {
    logits.push_back(static_cast<float>(numerator) / golden.at("denominator").get<float>());
  }
  const std::vector<int32_t> generated = golden.at("generated");
  const std::vector<int32_t> end_tokens = golden.at("end_tokens");
  ASSERT_GE(golden.at("cases").size(), 36u);
  for (const nlohmann::json& entry : golden.at("cases")) {
    Params params;
    params.set_frequency_penalty(entry.at("frequency_penalty"));
    params.set_presence_penalty(entry.at("presence_penalty"));
    params.set_min_new_tokens(entry.at("min_new_tokens"));
    for (const nlohmann::json& pair : entry.at("logit_bias")) {
      chorus::v1::TokenBias& bias = *params.add_logit_bias();
      bias.set_id(pair[0]);
      bias.set_bias(pair[1]);
    }
    const std::span<const float> scores = EditLogits(logits, generated, end_tokens, params, edited);
    ASSERT_EQ(scores.size(), logits.size());
    std::vector<float> expected = logits;
    for (const nlohmann::json& pair : entry.at("scores")) {
      expected.at(pair[0]) = pair[1].is_null() ? -INFINITY : pair[1].get<float>();
    }
    for (size_t id = 0; id < logits.size(); ++id) {
      if (std::isinf(expected[id])) {
        EXPECT_EQ(scores[id], expected[id]) << params.ShortDebugString() << " of " << id;
      } else {
        EXPECT_NEAR(scores[id], expected[id], 1e-5) << params.ShortDebugString() << " of " << id;
      }
    }
  }
}

TEST(EditLogits, EditsNothingThatNeedsNoEdit) {
  const std::vector<float> logits = {1, 2};
  std::vector<float> edited;
  const std::vector<std::pair<const char*, std::vector<int32_t>>> cases = {
      {"", {1}},
      {"frequency_penalty: 1 presence_penalty: 1", {}},
      {"min_new_tokens: 1", {0}},
      {"min_new_tokens: 5 ignore_eos: true", {0}},
      {"repetition_penalty: 2 temperature: 0.1", {0, 1}}};
  for (const auto& [text, generated] : cases) {
    const auto params = ParseProto<Params>(text);
    EXPECT_FALSE(EditsLogits(params, generated.size())) << text;
    EXPECT_EQ(EditLogits(logits, generated, {}, params, edited).data(), logits.data()) << text;
  }
}

TEST(EditLogits, PassesOverIdsWithoutALogit) {
  const std::vector<float> logits = {1, 2};
  std::vector<float> edited;
  const std::vector<int32_t> ids = {-1, 2, 1000000, 1};
  const auto params = ParseProto<Params>(
      "logit_bias { id: 2 bias: 1 } logit_bias { id: 1000000 bias: 1 } frequency_penalty: 1 "
      "min_new_tokens: 9");
  const std::span<const float> scores = EditLogits(logits, ids, ids, params, edited);
  EXPECT_EQ(scores[0], 1);
  EXPECT_EQ(scores[1], -INFINITY);
}

}  // namespace
}  // namespace chorus::runner
