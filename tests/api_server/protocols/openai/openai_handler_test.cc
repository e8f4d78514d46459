#include "api_server/protocols/openai/openai_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/api_server/protocols/door_fixture.h"

namespace chorus::gateway {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OpenAiHandlerTest : public DoorFixture {
 protected:
  // All chunks that have come, as JSON but the last; "end" is added where the stream has ended.
  static std::vector<json> Chunks(HttpStream& stream) {
    const HttpStream::Piece piece = stream.Take();
    std::vector<json> chunks;
    for (size_t begin = 0; begin < piece.bytes.size();) {
      const size_t end = piece.bytes.find("\n\n", begin);
      const std::string data = piece.bytes.substr(begin + 6, end - begin - 6);
      chunks.push_back(data == "[DONE]" ? json("[DONE]") : json::parse(data));
      begin = end + 2;
    }
    if (piece.end.has_value()) chunks.push_back("end");
    return chunks;
  }

  static v1::GenerationEnd End(uint32_t prompt_tokens, uint32_t generated_tokens) {
    v1::GenerationEnd end;
    end.set_reason(v1::FINISH_REASON_LENGTH);
    end.set_prompt_tokens(prompt_tokens);
    end.set_generated_tokens(generated_tokens);
    return end;
  }

  const HttpHandler& door() const override { return door_; }

  OpenAiHandler door_{handler_, executor_};
};

TEST_F(OpenAiHandlerTest, ListsRunnersAndGraphs) {
  const json list = Body(Ask({.method = "GET", .target = "/v1/models"}));
  std::vector<std::string> ids;
  for (const json& model : list["data"]) ids.push_back(model["id"]);
  EXPECT_THAT(ids, ElementsAre("bert", "distilgpt2", "gpt2", "inference_graph"));
  EXPECT_EQ(Body(Ask({.method = "GET", .target = "/v1/models/gpt%32"}))["id"], "gpt2");
  const std::optional<HttpReply> unknown = Ask({.method = "GET", .target = "/v1/models/gpt9"});
  EXPECT_EQ(unknown->status, 404);
  EXPECT_EQ(Body(unknown)["error"]["code"], "model_not_found");
}

TEST_F(OpenAiHandlerTest, LeavesOtherPathsToOthers) {
  for (const char* path : {"/v1/models/gpt2:generate", "/v1/graphs", "/v1/modelsx", "/"}) {
    EXPECT_TRUE(absl::IsNotFound(door_.Match({.method = "POST", .target = path}).refusal)) << path;
  }
  EXPECT_EQ(Ask({.method = "GET", .target = "/v1/completions"})->status, 405);
  EXPECT_EQ(Ask({.method = "POST", .target = "/v1/models"})->status, 405);
}

TEST_F(OpenAiHandlerTest, Completes) {
  ASSERT_FALSE(Post("/v1/completions", {{"model", "gpt2"}, {"prompt", "I"}, {"seed", 7}}));
  auto call = gpt2_->TakeGenerate();
  EXPECT_EQ(call.request.text(), "I");
  EXPECT_EQ(call.params().seed(), 7u);
  call.Finish(" am");
  ASSERT_TRUE(later_.has_value());
  EXPECT_EQ(later_->content_type, "application/json");
  json body = json::parse(later_->body);
  EXPECT_GT(body["created"], 0);
  body.erase("created");
  EXPECT_EQ(body, json::parse(R"({"id": "cmpl-id", "object": "text_completion", "model": "gpt2",
      "choices": [{"text": " am", "index": 0, "logprobs": null, "finish_reason": "stop"}],
      "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})"));
}

TEST_F(OpenAiHandlerTest, WritesSeveralPromptsAndChoices) {
  ASSERT_FALSE(Post("/v1/completions",
                    {{"model", "gpt2"}, {"prompt", {"a", "b"}}, {"n", 2}, {"echo", true}}));
  ASSERT_EQ(gpt2_->num_generate_calls(), 4u);
  for (const char* text : {"1", "2", "3", "4"}) gpt2_->TakeGenerate().Finish(text);
  ASSERT_TRUE(later_.has_value());
  const json body = json::parse(later_->body);
  std::vector<std::string> texts;
  for (const json& choice : body["choices"]) {
    EXPECT_EQ(choice["index"], texts.size());
    texts.push_back(choice["text"]);
  }
  EXPECT_THAT(texts, ElementsAre("a1", "a2", "b3", "b4"));
  EXPECT_EQ(body["usage"]["prompt_tokens"], 2);
  EXPECT_EQ(body["usage"]["completion_tokens"], 8);
}

TEST_F(OpenAiHandlerTest, BestOfTakesTheLikeliestForEachToken) {
  ASSERT_FALSE(
      Post("/v1/completions", {{"model", "gpt2"}, {"prompt", "a"}, {"n", 2}, {"best_of", 3}}));
  for (const auto& [text, logprobs] : std::vector<std::pair<std::string, std::vector<double>>>{
           {"low", {-3, -3}}, {"high", {-1, -1, -1}}, {"middle", {-2}}}) {
    auto call = gpt2_->TakeGenerate();
    v1::TextDelta delta;
    delta.set_text(text);
    delta.set_num_tokens(static_cast<uint32_t>(logprobs.size()));
    for (const double logprob : logprobs) delta.add_logprobs()->set_logprob(logprob);
    call.on_text(std::move(delta));
    std::move(call.done)(End(1, static_cast<uint32_t>(logprobs.size())));
  }
  ASSERT_TRUE(later_.has_value());
  const json body = json::parse(later_->body);
  ASSERT_EQ(body["choices"].size(), 2u);
  EXPECT_EQ(body["choices"][0]["text"], "high");
  EXPECT_EQ(body["choices"][1]["text"], "middle");
  EXPECT_EQ(body["choices"][0]["logprobs"], nullptr);
  EXPECT_EQ(body["usage"]["completion_tokens"], 6);
}

TEST_F(OpenAiHandlerTest, TellsLogprobsOfPromptAndText) {
  ASSERT_FALSE(Post(
      "/v1/completions",
      {{"model", "gpt2"}, {"prompt", {5, 6}}, {"echo", true}, {"logprobs", 1}, {"max_tokens", 1}}));
  auto call = gpt2_->TakeGenerate();
  EXPECT_THAT(call.request.prompt_ids(), ElementsAre(5, 6));
  v1::TextDelta prompt, text;
  prompt.add_prompt_logprobs()->set_text("\xC3\xA9");
  v1::TokenLogprob& second = *prompt.add_prompt_logprobs();
  second.set_text("b");
  second.set_logprob(-2);
  text.set_text("c");
  text.set_num_tokens(1);
  v1::TokenLogprob& token = *text.add_logprobs();
  token.set_text("c");
  token.set_logprob(-1);
  token.add_top()->set_text("d");
  token.mutable_top(0)->set_logprob(-0.5);
  call.on_text(std::move(prompt));
  call.on_text(std::move(text));
  v1::GenerationEnd end = End(2, 1);
  end.set_prompt(
      "\xC3\xA9"
      "b");
  std::move(call.done)(std::move(end));
  ASSERT_TRUE(later_.has_value());
  const json choice = json::parse(later_->body)["choices"][0];
  EXPECT_EQ(choice["text"],
            "\xC3\xA9"
            "bc");
  EXPECT_EQ(choice["logprobs"], json::parse(R"({"tokens": ["é", "b", "c"],
      "token_logprobs": [null, -2.0, -1.0], "top_logprobs": [null, {}, {"d": -0.5}],
      "text_offset": [0, 1, 2]})"));
}

TEST_F(OpenAiHandlerTest, CopiesATextThatIsNotDrawn) {
  ASSERT_FALSE(
      Post("/v1/completions", {{"model", "gpt2"}, {"prompt", "a"}, {"n", 2}, {"temperature", 0}}));
  ASSERT_EQ(gpt2_->num_generate_calls(), 1u);
  gpt2_->TakeGenerate().Finish("x");
  ASSERT_TRUE(later_.has_value());
  const json choices = json::parse(later_->body)["choices"];
  ASSERT_EQ(choices.size(), 2u);
  EXPECT_EQ(choices[1]["text"], "x");
  EXPECT_EQ(choices[1]["index"], 1);
}

TEST_F(OpenAiHandlerTest, AGraphIsAModel) {
  ASSERT_FALSE(Post("/v1/completions", {{"model", "inference_graph"}, {"prompt", "I"}}));
  FinishGraph();
  ASSERT_TRUE(later_.has_value());
  const json body = json::parse(later_->body);
  ASSERT_EQ(body["choices"].size(), 2u);
  EXPECT_EQ(body["choices"][0]["text"], " one");
  EXPECT_EQ(body["choices"][0]["score"], 0.9);
  EXPECT_EQ(body["choices"][0]["label"], "POSITIVE");
  EXPECT_EQ(body["choices"][0]["model"], "gpt2");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(body["choices"][1]["text"], " two");
  EXPECT_EQ(body["usage"]["completion_tokens"], 4);
}

TEST_F(OpenAiHandlerTest, Streams) {
  const std::optional<HttpReply> reply =
      Post("/v1/completions", {{"model", "gpt2"},
                               {"prompt", "I"},
                               {"echo", true},
                               {"stream", true},
                               {"stream_options", {{"include_usage", true}}}});
  ASSERT_TRUE(reply.has_value() && reply->stream != nullptr);
  EXPECT_EQ(reply->content_type, "text/event-stream");
  auto call = gpt2_->TakeGenerate();
  call.Write(" a");
  std::vector<json> chunks = Chunks(*reply->stream);
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(chunks[0]["object"], "text_completion");
  EXPECT_EQ(chunks[0]["choices"][0]["text"], "I a");
  EXPECT_EQ(chunks[0]["choices"][0]["finish_reason"], nullptr);
  EXPECT_TRUE(chunks[0].contains("usage") && chunks[0]["usage"].is_null());
  call.Finish("m");
  chunks = Chunks(*reply->stream);
  ASSERT_EQ(chunks.size(), 4u);
  EXPECT_EQ(chunks[0]["choices"][0]["text"], "m");
  EXPECT_EQ(chunks[0]["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(chunks[1]["choices"], json::array());
  EXPECT_EQ(chunks[1]["usage"]["prompt_tokens"], 1);
  EXPECT_EQ(chunks[2], "[DONE]");
  EXPECT_EQ(chunks[3], "end");
}

TEST_F(OpenAiHandlerTest, StreamsSeveralPromptsWithTheirIndexes) {
  const std::optional<HttpReply> reply = Post(
      "/v1/completions", {{"model", "gpt2"}, {"prompt", {"a", "b"}}, {"n", 2}, {"stream", true}});
  ASSERT_TRUE(reply.has_value());
  ASSERT_EQ(gpt2_->num_generate_calls(), 4u);
  for (const char* text : {"1", "2", "3", "4"}) gpt2_->TakeGenerate().Finish(text);
  std::vector<std::string> texts(4);
  std::vector<json> chunks = Chunks(*reply->stream);
  for (const json& chunk : chunks) {
    if (chunk.is_object()) {
      texts.at(chunk["choices"][0]["index"]) += chunk["choices"][0]["text"].get<std::string>();
    }
  }
  EXPECT_THAT(texts, ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(chunks.back(), "end");
}

TEST_F(OpenAiHandlerTest, StreamsAGraphsScores) {
  const std::optional<HttpReply> reply =
      Post("/v1/completions", {{"model", "inference_graph"}, {"prompt", "I"}, {"stream", true}});
  ASSERT_TRUE(reply.has_value());
  FinishGraph();
  int num_scores = 0;
  for (const json& chunk : Chunks(*reply->stream)) {
    if (chunk.is_object() && chunk["choices"][0].contains("score")) ++num_scores;
  }
  EXPECT_EQ(num_scores, 2);
}

TEST_F(OpenAiHandlerTest, OneFailureStopsTheOtherPrompts) {
  ASSERT_FALSE(Post("/v1/completions", {{"model", "gpt2"}, {"prompt", {"a", "b"}}}));
  auto first = gpt2_->TakeGenerate();
  auto second = gpt2_->TakeGenerate();
  first.Fail(absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(later_.has_value());
  EXPECT_TRUE(second.context.stop.stop_requested());
  second.Fail(absl::CancelledError());
  ASSERT_TRUE(later_.has_value());
  EXPECT_EQ(later_->status, 429);
  EXPECT_EQ(json::parse(later_->body)["error"]["type"], "rate_limit_error");
}

TEST_F(OpenAiHandlerTest, ErrorsHaveOpenAisShape) {
  const std::optional<HttpReply> reply =
      Post("/v1/completions", {{"model", "gpt2"}, {"prompt", "I"}, {"top_p", 7}});
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 400);
  const json error = json::parse(reply->body)["error"];
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_EQ(error["param"], "top_p");
  EXPECT_EQ(error["code"], nullptr);
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("top_p must be"));
  EXPECT_EQ(Post("/v1/completions", {{"model", "gpt9"}, {"prompt", "I"}})->status, 404);

  const std::optional<HttpReply> stream =
      Post("/v1/completions", {{"model", "gpt2"}, {"prompt", "I"}, {"stream", true}});
  ASSERT_TRUE(stream.has_value() && stream->stream != nullptr);
  const std::string event = stream->stream->ErrorEvent(absl::UnavailableError("gone"));
  EXPECT_EQ(json::parse(event.substr(6))["error"]["type"], "server_error");
  gpt2_->TakeGenerate().Fail(absl::CancelledError());
}

TEST_F(OpenAiHandlerTest, Embeds) {
  for (const char* format : {"float", "base64"}) {
    ASSERT_FALSE(Post("/v1/embeddings",
                      {{"model", "bert"}, {"input", {"a", "b"}}, {"encoding_format", format}}));
    auto call = bert_->TakeEmbed();
    EXPECT_THAT(call.request.texts(), ElementsAre("a", "b"));
    runner::v1::EmbedResponse response;
    for (const float value : {1.f, 2.f}) {
      runner::v1::Embedding& result = *response.add_results();
      result.add_values(value);
      result.set_num_tokens(3);
    }
    std::move(call.done)(std::move(response));
    ASSERT_TRUE(later_.has_value());
    const json body = json::parse(later_->body);
    const json first = std::string(format) == "float" ? json({1.0}) : json("AACAPw==");
    EXPECT_EQ(body["data"][0]["embedding"], first);
    EXPECT_EQ(body["data"][1]["index"], 1);
    EXPECT_EQ(body["usage"]["total_tokens"], 6);
  }
  EXPECT_EQ(Post("/v1/embeddings", {{"model", "bert"}, {"input", {1, 2}}})->status, 400);
  EXPECT_EQ(Post("/v1/embeddings", {{"model", "bert"}})->status, 400);
}

}  // namespace
}  // namespace chorus::gateway
