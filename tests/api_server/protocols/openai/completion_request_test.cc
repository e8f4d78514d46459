#include "api_server/protocols/openai/completion_request.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/base/parse_proto.h"

namespace chorus::gateway {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

CompletionRequest Parsed(const std::string& members) {
  absl::StatusOr<CompletionRequest> request =
      ParseCompletionRequest(R"({"model": "gpt2", "prompt": "I")" + members + "}");
  EXPECT_TRUE(request.ok()) << request.status();
  return request.ok() ? *std::move(request) : CompletionRequest();
}

TEST(ParseCompletionRequest, HasOpenAisDefaults) {
  const CompletionRequest request = Parsed("");
  ASSERT_EQ(request.prompts.size(), 1u);
  EXPECT_TRUE(MessageDifferencer::Equals(
      request.prompts[0],
      ParseProto<v1::GenerateRequest>(
          "text: 'I' model: 'gpt2' max_new_tokens: 16 do_sample: true temperature: 1 top_k: 0 "
          "top_p: 1 min_p: 0 repetition_penalty: 1 frequency_penalty: 0 presence_penalty: 0 "
          "min_new_tokens: 0 ignore_eos: false num_return_sequences: 1 prompt_logprobs: false "
          "echo: false")))
      << request.prompts[0].DebugString();
  EXPECT_EQ(request.num_choices, 1);
  EXPECT_EQ(request.num_copies, 1);
  EXPECT_FALSE(request.stream || request.echo || request.logprobs || request.include_usage);
}

TEST(ParseCompletionRequest, TakesEveryMember) {
  const CompletionRequest request = Parsed(
      R"(, "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "n": 2, "best_of": 3, "logprobs": 4,
          "echo": true, "stop": ["a", "b"], "presence_penalty": 1, "frequency_penalty": -1,
          "logit_bias": {"7": -100, "9": 2.5}, "seed": -1, "user": "u", "suffix": null,
          "top_k": 9, "min_p": 0.1, "repetition_penalty": 1.5, "min_tokens": 2,
          "ignore_eos": true)");
  const v1::GenerateRequest& prompt = request.prompts.at(0);
  EXPECT_EQ(prompt.max_new_tokens(), 5u);
  EXPECT_EQ(prompt.temperature(), 0.5);
  EXPECT_EQ(prompt.top_p(), 0.9);
  EXPECT_EQ(prompt.num_return_sequences(), 3u);
  EXPECT_EQ(request.num_choices, 2);
  EXPECT_EQ(prompt.logprobs(), 4u);
  EXPECT_TRUE(prompt.prompt_logprobs());
  EXPECT_THAT(prompt.stop(), ElementsAre("a", "b"));
  EXPECT_EQ(prompt.presence_penalty(), 1);
  EXPECT_EQ(prompt.frequency_penalty(), -1);
  ASSERT_EQ(prompt.logit_bias_size(), 2);
  EXPECT_EQ(prompt.logit_bias(0).id(), 7);
  EXPECT_EQ(prompt.logit_bias(1).bias(), 2.5);
  EXPECT_EQ(prompt.seed(), UINT64_MAX);
  EXPECT_EQ(prompt.top_k(), 9u);
  EXPECT_EQ(prompt.min_new_tokens(), 2u);
  EXPECT_TRUE(prompt.ignore_eos());
}

TEST(ParseCompletionRequest, TakesEveryFormOfAPrompt) {
  const auto prompts = [](const std::string& json) {
    const auto request = ParseCompletionRequest(R"({"model": "m", "prompt": )" + json + "}");
    std::vector<std::string> texts;
    if (!request.ok()) return std::vector<std::string>{std::string(request.status().message())};
    for (const v1::GenerateRequest& prompt : request->prompts) {
      std::string text = prompt.text();
      for (const int32_t id : prompt.prompt_ids()) text += "<" + std::to_string(id) + ">";
      texts.push_back(text);
    }
    return texts;
  };
  EXPECT_THAT(prompts(R"("a")"), ElementsAre("a"));
  EXPECT_THAT(prompts(R"(["a", "", "b"])"), ElementsAre("a", "", "b"));
  EXPECT_THAT(prompts("[1, 2]"), ElementsAre("<1><2>"));
  EXPECT_THAT(prompts("[[1, 2], [3]]"), ElementsAre("<1><2>", "<3>"));
  for (const char* wrong :
       {"7", "[]", "[[]]", "[1, \"a\"]", "[-1]", "[1.5]", "{}", "[true]", "[4294967296]"}) {
    EXPECT_THAT(prompts(wrong), ElementsAre(HasSubstr("prompt must be a string, an array of")))
        << wrong;
  }
}

TEST(ParseCompletionRequest, MakesOneTextWhereNoneIsDrawn) {
  const CompletionRequest request = Parsed(R"(, "temperature": 0, "n": 3)");
  EXPECT_EQ(request.prompts[0].num_return_sequences(), 1u);
  EXPECT_FALSE(request.prompts[0].do_sample());
  EXPECT_EQ(request.num_choices, 1);
  EXPECT_EQ(request.num_copies, 3);
}

TEST(ParseCompletionRequest, ScoresAPrompt) {
  const CompletionRequest request = Parsed(R"(, "max_tokens": 0, "echo": true, "logprobs": 1)");
  EXPECT_TRUE(request.prompts[0].has_max_new_tokens());
  EXPECT_EQ(request.prompts[0].max_new_tokens(), 0u);
  EXPECT_TRUE(request.prompts[0].prompt_logprobs());
}

TEST(ParseCompletionRequest, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "the body is not JSON"},
      {"[]", "the body must be a JSON object"},
      {R"({"prompt": "a"})", "model is missing"},
      {R"({"model": "m"})", "prompt is missing"},
      {R"({"model": "m", "model": "n", "prompt": "a"})", "is there twice"},
      {R"({"model": "m", "prompt": "a", "max_token": 3})",
       "max_token is not known here; did you mean max_tokens?"},
      {R"({"model": "m", "prompt": "a", "n": 0})", "n must be an integer from 1 to 64"},
      {R"({"model": "m", "prompt": "a", "n": 65})", "n must be an integer from 1 to 64"},
      {R"({"model": "m", "prompt": "a", "n": 2, "best_of": 1})", "best_of must be at least n"},
      {R"({"model": "m", "prompt": "a", "best_of": 2, "stream": true})", "best_of must be n in st"},
      {R"({"model": "m", "prompt": "a", "max_tokens": 0})", "max_tokens must be at least 1"},
      {R"({"model": "m", "prompt": "a", "max_tokens": 1.5})", "max_tokens must be an integer"},
      {R"({"model": "m", "prompt": "a", "suffix": "b"})", "suffix is not served"},
      {R"({"model": "m", "prompt": "a", "temperature": "1"})", "temperature must be a number"},
      {R"({"model": "m", "prompt": "a", "temperature": -1})", "temperature must be finite"},
      {R"({"model": "m", "prompt": "a", "top_p": 0})", "top_p must be greater than 0"},
      {R"({"model": "m", "prompt": "a", "frequency_penalty": 3})", "frequency_penalty must be -2"},
      {R"({"model": "m", "prompt": "a", "logprobs": 21})", "logprobs must be an integer from 0"},
      {R"({"model": "m", "prompt": "a", "logit_bias": {"x": 1}})", "logit_bias must be an object"},
      {R"({"model": "m", "prompt": "a", "logit_bias": [1]})", "logit_bias must be an object"},
      {R"({"model": "m", "prompt": "a", "logit_bias": {"1": 101}})", "logit_bias[0].bias must be"},
      {R"({"model": "m", "prompt": "a", "stop": 1})", "stop must be a string or an array"},
      {R"({"model": "m", "prompt": "a", "stop": [""]})", "stop[0] must have 1 to 1024 bytes"},
      {R"({"model": "m", "prompt": "a", "stream_options": {"include_usage": true}})",
       "stream_options is of streams"},
      {R"({"model": "m", "prompt": "a", "stream": true, "stream_options": {"usage": true}})",
       "stream_options.usage is not known here"}};
  for (const auto& [body, sentence] : cases) {
    const auto request = ParseCompletionRequest(body);
    ASSERT_FALSE(request.ok()) << body;
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(request.status().message()), HasSubstr(sentence)) << body;
  }
}

TEST(ForGraph, KeepsWhatAGraphHas) {
  const CompletionRequest request = Parsed(R"(, "max_tokens": 5, "seed": 7, "stop": "x")");
  const auto run = ForGraph(request, request.prompts[0]);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->graph(), "gpt2");
  EXPECT_EQ(run->text(), "I");
  EXPECT_EQ(run->seed(), 7u);
  EXPECT_EQ(run->max_new_tokens(), 5u);
  EXPECT_TRUE(run->details());
  EXPECT_FALSE(run->partial() || run->has_truncate());
  for (const char* members :
       {R"(, "logprobs": 1)", R"(, "best_of": 2)", R"(, "max_tokens": 0, "echo": true)"}) {
    const CompletionRequest other = Parsed(members);
    EXPECT_FALSE(ForGraph(other, other.prompts[0]).ok()) << members;
  }
}

}  // namespace
}  // namespace chorus::gateway
