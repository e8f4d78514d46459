#include "api_server/protocols/open_inference/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SetParameters, TakesOurNames) {
  v1::GenerateRequest request;
  const absl::Status status =
      SetParameters(json::parse(R"({"temperature": 0.5, "top_k": 7, "seed": 9, "stop": ["a", "b"],
          "do_sample": true, "logit_bias": [{"id": 3, "bias": -1}], "max_new_tokens": 4})"),
                    request);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(request.temperature(), 0.5);
  EXPECT_EQ(request.top_k(), 7u);
  EXPECT_EQ(request.seed(), 9u);
  EXPECT_THAT(request.stop(), ElementsAre("a", "b"));
  EXPECT_EQ(request.logit_bias(0).id(), 3);
  EXPECT_EQ(request.max_new_tokens(), 4u);
}

TEST(SetParameters, TakesTheProtocolsName) {
  v1::RunGraphRequest request;
  ASSERT_TRUE(SetParameters({{"max_tokens", 4}, {"stop", "x"}}, request).ok());
  EXPECT_EQ(request.max_new_tokens(), 4u);
  EXPECT_THAT(request.stop(), ElementsAre("x"));
  v1::ClassifyRequest classify;
  ASSERT_TRUE(SetParameters({{"score_kind", "SCORE_KIND_RAW"}}, classify).ok());
  EXPECT_EQ(classify.score_kind(), v1::SCORE_KIND_RAW);
}

TEST(SetParameters, SaysWhatIsWrong) {
  const std::vector<std::pair<json, std::string>> cases = {
      {{{"model", "x"}}, "model is not a parameter"},
      {{{"text", "x"}}, "text is not a parameter"},
      {{{"prompt_ids", {1}}}, "prompt_ids is not a parameter"},
      {{{"logprobs", 1}}, "logprobs is not a parameter"},
      {{{"temprature", 1}}, "did you mean temperature?"},
      {{{"temperature", "warm"}}, "temperature must be"},
      {{{"temperature", INFINITY}}, "temperature must be finite"},
      {{{"top_k", -1}}, "top_k must be"},
      {{{"stop", {1}}}, "stop[0] must be a string"},
      {{{"max_tokens", 1}, {"max_new_tokens", 1}}, "max_tokens is not a parameter"}};
  for (const auto& [parameters, sentence] : cases) {
    v1::GenerateRequest request;
    const absl::Status status = SetParameters(parameters, request);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << parameters;
    EXPECT_THAT(std::string(status.message()), HasSubstr(sentence)) << parameters;
  }
}

}  // namespace
}  // namespace chorus::gateway
