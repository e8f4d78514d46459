#include "api_server/protocols/tei/tei_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParsePredictRequest, TakesEveryFormOfInputs) {
  const auto request = ParsePredictRequest(R"({"inputs": "a"})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->classify.texts(), ElementsAre("a"));
  EXPECT_FALSE(request->is_batch || request->top_k || request->classify.has_truncate());

  const auto pair = ParsePredictRequest(R"({"inputs": ["a", "b"]})");
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_THAT(pair->classify.texts(), ElementsAre("a"));
  EXPECT_THAT(pair->classify.text_pairs(), ElementsAre("b"));
  EXPECT_FALSE(pair->is_batch);

  const auto batch = ParsePredictRequest(R"({"inputs": [["a"], ["b"]]})");
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_THAT(batch->classify.texts(), ElementsAre("a", "b"));
  EXPECT_TRUE(batch->is_batch);

  const auto pairs = ParsePredictRequest(R"({"inputs": [["a", "b"], ["c", "d"]]})");
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  EXPECT_THAT(pairs->classify.texts(), ElementsAre("a", "c"));
  EXPECT_THAT(pairs->classify.text_pairs(), ElementsAre("b", "d"));
}

TEST(ParsePredictRequest, TakesEveryMember) {
  const auto request = ParsePredictRequest(
      R"({"inputs": "a", "truncate": false, "truncation_direction": "Right", "raw_scores": true})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_FALSE(request->classify.truncate());
  EXPECT_TRUE(request->classify.has_truncate());
  EXPECT_EQ(request->classify.score_kind(), v1::SCORE_KIND_RAW);
  const auto with_parameters = ParsePredictRequest(
      R"({"inputs": "a", "parameters": {"function_to_apply": "sigmoid", "top_k": 2}})");
  ASSERT_TRUE(with_parameters.ok()) << with_parameters.status();
  EXPECT_EQ(with_parameters->classify.score_kind(), v1::SCORE_KIND_SIGMOID);
  EXPECT_EQ(with_parameters->top_k, 2);
}

TEST(ParseEmbedRequest, TakesEveryMember) {
  const auto one = ParseEmbedRequest(R"({"inputs": "a"})");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_THAT(one->texts(), ElementsAre("a"));
  EXPECT_TRUE(one->normalize());
  const auto all = ParseEmbedRequest(
      R"({"inputs": ["a", "b"], "normalize": false, "truncate": true, "dimensions": 3,
          "prompt_name": null})");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_THAT(all->texts(), ElementsAre("a", "b"));
  EXPECT_FALSE(all->normalize());
  EXPECT_TRUE(all->truncate());
  EXPECT_EQ(all->dimensions(), 3u);
}

TEST(TeiRequest, SaysWhatIsWrong) {
  std::string many = R"({"inputs": [["a"])";
  for (size_t i = 0; i < kMostInputs; ++i) many += R"(, ["a"])";
  many += "]}";
  const std::vector<std::pair<std::string, std::string>> predict = {
      {"", "the body is not JSON"},
      {"{}", "inputs is missing"},
      {many, "inputs must have at most 1024 entries: 1025"},
      {R"({"inputs": [["a"], ["b", "c"]]})", "inputs must be single texts, or pairs, but not both"},
      {R"({"inputs": "a", "truncation_direction": "left"})", "truncation_direction must be right"},
      {R"({"inputs": "a", "raw_scores": 1})", "raw_scores must be true or false"},
      {R"({"inputs": "a", "raw_score": true})", "did you mean raw_scores?"},
      {R"({"inputs": "a", "parameters": {"top_k": 0}})", "parameters.top_k must be an integer"},
      {R"({"inputs": "a", "parameters": {"function_to_apply": "x"}})", "must be softmax, sigmoid"},
      {R"({"inputs": "a", "parameters": {"x": 1}})", "parameters.x is not known here"}};
  for (const auto& [body, sentence] : predict) {
    const auto request = ParsePredictRequest(body);
    ASSERT_TRUE(absl::IsInvalidArgument(request.status())) << body;
    EXPECT_THAT(std::string(request.status().message()), HasSubstr(sentence)) << body;
  }
  for (const char* wrong : {"7", "[]", "[[]]", R"(["a", "b", "c"])", R"([["a"], "b"])", "[[7]]",
                            R"([["a", "b", "c"]])", R"(["a", 7])", "{}"}) {
    const auto request = ParsePredictRequest(std::string(R"({"inputs": )") + wrong + "}");
    ASSERT_FALSE(request.ok()) << wrong;
    EXPECT_THAT(std::string(request.status().message()), HasSubstr("inputs must be a string, a pa"))
        << wrong;
  }
  const std::vector<std::pair<std::string, std::string>> embed = {
      {"{}", "inputs must be a string, or an array of 1 to 1024 strings"},
      {R"({"inputs": [1, 2]})", "inputs must be a string or an array of strings"},
      {R"({"inputs": "a", "prompt_name": "query"})", "prompt_name is not served"},
      {R"({"inputs": "a", "dimensions": 0})", "dimensions must be an integer from 1"},
      {R"({"inputs": "a", "encoding_format": "base64"})", "encoding_format must be float"}};
  for (const auto& [body, sentence] : embed) {
    const auto request = ParseEmbedRequest(body);
    ASSERT_TRUE(absl::IsInvalidArgument(request.status())) << body;
    EXPECT_THAT(std::string(request.status().message()), HasSubstr(sentence)) << body;
  }
}

}  // namespace
}  // namespace chorus::gateway
