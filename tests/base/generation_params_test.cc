#include "base/generation_params.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/base/parse_proto.h"

namespace chorus {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;

v1::GenerationParams Params(const std::string& text) {
  return ParseProto<v1::GenerationParams>(text);
}

std::vector<std::string> Problems(const std::string& text) {
  std::vector<std::string> problems;
  for (const FieldProblem& problem : CheckRanges(Params(text))) {
    problems.push_back(absl::StrCat(problem.field, " ", problem.problem));
  }
  return problems;
}

TEST(CheckRanges, TakesTheBounds) {
  for (const std::string text :
       {"", "max_length: 1", "max_new_tokens: 1", "temperature: 0", "temperature: 1e-6",
        "temperature: 1e6", "top_k: 0", "top_k: 4294967295", "top_p: 1e-9", "top_p: 1", "min_p: 0",
        "min_p: 1", "repetition_penalty: 1e-6", "repetition_penalty: 1e6",
        "num_return_sequences: 1", "num_return_sequences: 64", "logprobs: 0", "logprobs: 20",
        "max_new_tokens: 0 prompt_logprobs: true", "frequency_penalty: -2 presence_penalty: 2",
        "logit_bias { id: 0 bias: -100 } logit_bias { id: 7 bias: 100 }", "min_new_tokens: 9",
        "stop: 'a' stop: '\xC3\xA9'",
        // Where nothing is drawn the temperature does not count.
        "do_sample: false temperature: -1"}) {
    EXPECT_THAT(Problems(text), ElementsAre()) << text;
  }
  EXPECT_TRUE(CheckRanges(DefaultParams()).empty());
}

TEST(CheckRanges, NamesTheFieldAndItsValue) {
  const std::string temperature =
      "temperature must be finite and at least 0 (0 takes the likeliest token each time): ";
  const std::string penalty = "repetition_penalty must be finite and greater than 0: ";
  for (const auto& [text, problem] : std::vector<std::pair<std::string, std::string>>{
           {"max_length: 0", "max_length must be at least 1: 0"},
           {"max_new_tokens: 0", "max_new_tokens must be at least 1: 0"},
           {"temperature: -1.5", temperature + "-1.5"},
           {"temperature: nan", temperature + "nan"},
           {"temperature: inf", temperature + "inf"},
           {"do_sample: true temperature: -1", temperature + "-1"},
           {"top_p: 0", "top_p must be greater than 0 and at most 1: 0"},
           {"top_p: 1.01", "top_p must be greater than 0 and at most 1: 1.01"},
           {"top_p: -inf", "top_p must be greater than 0 and at most 1: -inf"},
           {"top_p: nan", "top_p must be greater than 0 and at most 1: nan"},
           {"min_p: -0.1", "min_p must be 0 to 1: -0.1"},
           {"min_p: 1.01", "min_p must be 0 to 1: 1.01"},
           {"min_p: nan", "min_p must be 0 to 1: nan"},
           {"repetition_penalty: 0", penalty + "0"},
           {"repetition_penalty: -2", penalty + "-2"},
           {"repetition_penalty: inf", penalty + "inf"},
           {"repetition_penalty: nan", penalty + "nan"},
           {"num_return_sequences: 0", "num_return_sequences must be 1 to 64: 0"},
           {"num_return_sequences: 65", "num_return_sequences must be 1 to 64: 65"},
           {"logprobs: 21", "logprobs must be at most 20: 21"},
           {"frequency_penalty: 2.5", "frequency_penalty must be -2 to 2: 2.5"},
           {"presence_penalty: -nan", "presence_penalty must be -2 to 2: nan"},
           {"logit_bias { id: -1 }", "logit_bias[0].id must be at least 0: -1"},
           {"logit_bias { id: 1 bias: 101 }", "logit_bias[0].bias must be -100 to 100: 101"},
           {"logit_bias { id: 1 } logit_bias { id: 1 }", "logit_bias[1].id is named twice: 1"},
           {"stop: 'a' stop: ''", "stop[1] must have 1 to 1024 bytes: 0"},
           {absl::StrCat("stop: '", std::string(1025, 'a'), "'"),
            "stop[0] must have 1 to 1024 bytes: 1025"}}) {
    EXPECT_THAT(Problems(text), ElementsAre(problem)) << text;
  }
  v1::GenerationParams params;
  params.add_stop("\xFF");
  for (int i = 0; i < 16; ++i) params.add_stop("b");
  const std::vector<FieldProblem> problems = CheckRanges(params);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].problem, "must have at most 16 entries: 17");
  EXPECT_EQ(problems[1].field + " " + problems[1].problem, "stop[0] must be UTF-8");
}

TEST(Override, DisplacesWhatIsSet) {
  struct Case {
    std::string params, overrides, merged;
  };
  for (const Case& c :
       std::vector<Case>{{"top_k: 3 seed: 1", "", "top_k: 3 seed: 1"},
                         {"top_k: 3 top_p: 0.5", "top_k: 0 seed: 2", "top_k: 0 top_p: 0.5 seed: 2"},
                         {"do_sample: true", "do_sample: false", "do_sample: false"},
                         {"stop: 'a' stop: 'b'", "stop: 'c'", "stop: 'c'"},
                         {"stop: 'a'", "top_k: 1", "stop: 'a' top_k: 1"},
                         {"logit_bias { id: 1 bias: 1 }", "logit_bias { id: 2 bias: 1 }",
                          "logit_bias { id: 2 bias: 1 }"},
                         {"max_length: 9 max_new_tokens: 5", "max_length: 7", "max_length: 7"},
                         {"max_length: 9", "max_new_tokens: 5", "max_length: 9 max_new_tokens: 5"},
                         {"max_new_tokens: 5", "max_length: 7 max_new_tokens: 6",
                          "max_length: 7 max_new_tokens: 6"}}) {
    v1::GenerationParams params = Params(c.params);
    Override(Params(c.overrides), params);
    EXPECT_TRUE(MessageDifferencer::Equals(params, Params(c.merged))) << params.DebugString();
  }
}

TEST(IsGreedy, WithoutSamplingOrTemperature) {
  for (const auto& [text, greedy] : {std::pair("", false), std::pair("temperature: 0", true),
                                     std::pair("do_sample: false", true)}) {
    v1::GenerationParams params = DefaultParams();
    Override(Params(text), params);
    EXPECT_EQ(IsGreedy(params), greedy) << text;
  }
}

TEST(ParamsOf, TakesTheFieldsOfTheSameNames) {
  // Any message will do: of this one all fields have the names of parameters.
  const v1::GenerationParams all = Params(
      "max_length: 1 max_new_tokens: 2 do_sample: false temperature: 0.5 top_k: 0 top_p: 0.25 "
      "seed: 18446744073709551615 min_p: 0.125 repetition_penalty: 2 stop: 'a' stop: 'b' "
      "num_return_sequences: 3 ignore_eos: true split_special_tokens: false logprobs: 4 "
      "logit_bias { id: 1 bias: -2 } frequency_penalty: 1 presence_penalty: -1 min_new_tokens: 5 "
      "prompt_logprobs: true");
  EXPECT_EQ(all.GetDescriptor()->field_count(), 19);
  EXPECT_TRUE(MessageDifferencer::Equals(ParamsOf(all), all));
  EXPECT_EQ(ParamsOf(ParseProto<v1::GenerationEnd>("prompt_tokens: 3")).ByteSizeLong(), 0u);
}

}  // namespace
}  // namespace chorus
