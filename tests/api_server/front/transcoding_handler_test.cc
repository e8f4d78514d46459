#include "api_server/front/transcoding_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/worker_pool.h"
#include "tests/api_server/front/front_fixture.h"

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TranscodingHandlerTest : public FrontFixture {
 protected:
  TranscodingHandlerTest() {
    handler_.Register(methods_);
    CreateDoor();
  }
  void CreateDoor(WorkerPool* workers = nullptr) {
    auto door = TranscodingHandler::Create(methods_, workers);
    ASSERT_TRUE(door.ok()) << door.status();
    doors_.clear();
    doors_.push_back(*std::move(door));
  }

  // As a session does; a reply that comes later is in later_.
  std::optional<HttpReply> Ask(HttpRequest request, Call call = {}) {
    later_.reset();
    HttpRoute route = FindRoute(doors_, request);
    endpoint_ = route.endpoint;
    if (!route.refusal.ok()) return doors_[0]->ErrorReply(route.refusal, "id");
    const absl::Status status =
        std::move(route.handle)(std::move(request), std::move(call),
                                [this](HttpReply reply) { later_ = std::move(reply); });
    if (!status.ok()) return doors_[0]->ErrorReply(status, "id");
    return std::exchange(later_, std::nullopt);
  }
  std::optional<HttpReply> Get(std::string target, std::string method = "GET") {
    return Ask({.method = std::move(method), .target = std::move(target)});
  }
  std::optional<HttpReply> Post(std::string target, std::string body,
                                std::string content_type = "application/json") {
    return Ask({.method = "POST",
                .target = std::move(target),
                .fields = {{"Content-Type", std::move(content_type)}},
                .body = std::move(body)});
  }

  static std::string FieldOf(const HttpReply& reply, const std::string& name) {
    for (const HttpField& field : reply.fields) {
      if (field.name == name) return field.value;
    }
    return "";
  }

  MethodRegistry methods_;
  std::vector<std::unique_ptr<HttpHandler>> doors_;
  std::string endpoint_;
  std::optional<HttpReply> later_;
};

TEST_F(TranscodingHandlerTest, AnswersTheTutorialsCall) {
  EXPECT_FALSE(Post("/classify_generated_texts", "I have an idea!", "text/plain").has_value());
  EXPECT_EQ(endpoint_, "/classify_generated_texts");
  FinishGraph();
  ASSERT_TRUE(later_.has_value());
  EXPECT_EQ(later_->status, 200);
  EXPECT_EQ(later_->content_type, "application/json");
  EXPECT_EQ(later_->body, R"([{"generated":"I have an idea! one","score":0.9},)"
                          R"({"generated":"I have an idea! two","score":0.8}])");
}

TEST_F(TranscodingHandlerTest, StreamsInTheFormatTheClientTakes) {
  auto reply = Post("/classify_generated_texts:stream?seed=7", "I", "text/plain");
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(endpoint_, "/classify_generated_texts:stream");
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->content_type, "text/event-stream");
  EXPECT_EQ(FieldOf(*reply, "Cache-Control"), "no-store");
  ASSERT_NE(reply->stream, nullptr);
  FinishGraph();
  HttpStream::Piece piece = reply->stream->Take();
  EXPECT_THAT(piece.bytes, HasSubstr("event: token\ndata: {\"index\":0,\"branch\":\"a\","
                                     "\"text\":\" one\",\"num_tokens\":1,"
                                     "\"finish_reason\":\"FINISH_REASON_LENGTH\"}\n\n"));
  EXPECT_THAT(piece.bytes, HasSubstr("event: score\ndata: {\"index\":0,\"branch\":\"a\","
                                     "\"score\":0.9,\"label\":\"POSITIVE\",\"classified_tokens\":5,"
                                     "\"truncated\":false}\n\n"));
  EXPECT_THAT(piece.bytes, HasSubstr("event: done\ndata: {\"prompt_tokens\":2,"
                                     "\"generated_tokens\":4,\"seed\":\"7\"}\n\n"));
  EXPECT_EQ(piece.end, absl::OkStatus());

  reply = Ask({.method = "POST",
               .target = "/v1/models/gpt2:streamGenerate",
               .fields = {{"Content-Type", "application/json"}, {"Accept", "application/x-ndjson"}},
               .body = "{\"text\": \"I\"}"});
  ASSERT_TRUE(reply.has_value() && reply->stream != nullptr);
  EXPECT_EQ(reply->content_type, "application/x-ndjson");
  gpt2_->TakeGenerate().Finish(" one");
  EXPECT_THAT(reply->stream->Take().bytes, HasSubstr("{\"token\":{\"index\":0,"));
}

TEST_F(TranscodingHandlerTest, AStreamsErrorNamesTheBranchAndWhatItWasAt) {
  const auto reply = Post("/classify_generated_texts:stream", "I", "text/plain");
  ASSERT_TRUE(reply.has_value() && reply->stream != nullptr);
  gpt2_->TakeGenerate().Finish(" one");
  bert_->TakeClassify().Fail(absl::UnavailableError("gone"));
  distilgpt2_->TakeGenerate().Fail(absl::CancelledError(""));
  const HttpStream::Piece piece = reply->stream->Take();
  ASSERT_TRUE(piece.end.has_value());
  EXPECT_THAT(reply->stream->ErrorEvent(*piece.end),
              HasSubstr("\"retryable\":true,\"branch\":\"score\",\"stage\":\"classify\","
                        "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\""));
}

TEST_F(TranscodingHandlerTest, EveryRefusalOfAFieldNamesIt) {
  const struct {
    std::string target, body, field;
  } kCases[] = {
      {"/classify_generated_texts?temprature=1", "I", "temprature"},
      {"/classify_generated_texts?seed=x", "I", "seed"},
      {"/classify_generated_texts?seed=1&seed=2", "I", "seed"},
      {"/classify_generated_texts?text=a", "I", "text"},
      {"/classify_generated_texts?top_p=2", "I", "top_p"},
      {"/classify_generated_texts?num_return_sequences=2&do_sample=false", "I",
       "num_return_sequences"},
      {"/v1/models/gpt2:generate?seed=1", "{}", "seed"},
      {"/v1/models/gpt2:generate", R"({"text": "I", "zzz": 1})", "zzz"},
      {"/v1/models/gpt2:generate", R"({"text": 3})", "text"},
      {"/v1/models/gpt2:generate", R"({"text": "I", "model": "x"})", "model"},
      {"/v1/models/gpt2:generate", R"({"text": "I", "stop": ["a", 3]})", "stop[1]"},
  };
  for (const auto& c : kCases) {
    const auto reply = Post(c.target, c.body, c.body == "I" ? "text/plain" : "application/json");
    ASSERT_TRUE(reply.has_value()) << c.target << " " << c.body;
    EXPECT_EQ(reply->status, 400) << reply->body;
    EXPECT_THAT(reply->body, HasSubstr(R"("field_violations":[{"field":")" + c.field + "\""));
  }
}

TEST_F(TranscodingHandlerTest, RefusesAStreamAsAnyOtherCall) {
  EXPECT_EQ(Post("/classify_generated_texts:stream?top_p=2", "I", "text/plain")->status, 400);
  EXPECT_EQ(Post("/v1/graphs/nobody:streamRun", "{}")->status, 404);
  const auto reply = Ask({.method = "POST",
                          .target = "/v1/graphs/inference_graph:streamRun",
                          .fields = {{"Accept", "application/json"}},
                          .body = "{}"});
  EXPECT_EQ(reply->status, 406);
  EXPECT_THAT(reply->body, HasSubstr("text/event-stream"));
}

TEST_F(TranscodingHandlerTest, ALargeBodyIsReadByTheWorkers) {
  auto workers = std::make_unique<WorkerPool>(1);
  CreateDoor(workers.get());
  std::promise<void> go_on;
  workers->Run([&] { go_on.get_future().wait(); });
  const std::string text(WorkerPool::kLargeBytes, 'a');
  EXPECT_FALSE(Post("/v1/models/bert:classify", "{\"texts\":[\"" + text + "\"]}"));
  EXPECT_EQ(bert_->num_classify_calls(), 0u);
  EXPECT_FALSE(Post("/v1/models/bert:classify", "{\"texts\":[\"" + text + "\"}"));
  go_on.set_value();
  workers.reset();
  ASSERT_TRUE(later_.has_value());
  EXPECT_EQ(later_->status, 400);  // Of the second.
  later_.reset();
  auto call = bert_->TakeClassify();
  EXPECT_EQ(call.request.texts(0), text);
  call.Finish(1);
  EXPECT_EQ(later_->status, 200);
}

TEST_F(TranscodingHandlerTest, AnswersGraphAndModelsByName) {
  EXPECT_FALSE(Post("/v1/graphs/inference_graph:run", R"({"text":"I","details":true})"));
  EXPECT_EQ(endpoint_, "/v1/graphs/{graph}:run");
  FinishGraph();
  EXPECT_THAT(later_->body, HasSubstr(R"("model":"gpt2","finish_reason":"FINISH_REASON_LENGTH")"));
  EXPECT_FALSE(Post("/v1/models/bert:classify", R"({"texts":["good"]})"));
  bert_->TakeClassify().Finish(1);
  EXPECT_EQ(later_->body, R"({"results":[{"label":"POSITIVE","score":1,"scores":[)"
                          R"({"label":"NEGATIVE","score":0},{"label":"POSITIVE","score":1}],)"
                          R"("num_tokens":5,"truncated":false}]})");
}

TEST_F(TranscodingHandlerTest, TellsRunnersErrorsWithTheirCodes) {
  struct Case {
    absl::Status error;
    int status;
    std::string body, retry_after;
  };
  const std::vector<Case> cases = {
      {absl::UnavailableError("no healthy replica"), 503, "gpt2: no healthy replica", "1"},
      {absl::ResourceExhaustedError("queue full"), 429, "RESOURCE_EXHAUSTED", "1"},
      {absl::DeadlineExceededError("late"), 504, "DEADLINE_EXCEEDED", ""},
      {absl::InvalidArgumentError("prompt too long: 1024"), 400, "prompt too long: 1024", ""},
      {absl::InternalError("secret"), 500, "INTERNAL", ""},
      {absl::UnknownError("secret"), 500, "UNKNOWN", ""},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.error.ToString());
    EXPECT_FALSE(Post("/v1/models/gpt2:generate", "{}"));
    gpt2_->TakeGenerate().Fail(test.error);
    ASSERT_TRUE(later_.has_value());
    EXPECT_EQ(later_->status, test.status);
    EXPECT_THAT(later_->body, HasSubstr(test.body));
    EXPECT_THAT(later_->body, Not(HasSubstr("secret")));
    EXPECT_EQ(FieldOf(*later_, "Retry-After"), test.retry_after);
    EXPECT_EQ(later_->body.find("RetryInfo") != std::string::npos, !test.retry_after.empty());
  }
}

TEST_F(TranscodingHandlerTest, RefusesBadRequestsWithDetails) {
  const auto reply = Post("/classify_generated_texts?max_length=0", "I", "text/plain");
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 400);
  EXPECT_THAT(reply->body, HasSubstr(R"("message":"max_length must be at least 1: 0")"));
  EXPECT_THAT(reply->body, HasSubstr("google.rpc.BadRequest"));
  EXPECT_THAT(reply->body, HasSubstr(R"("field":"max_length")"));
  EXPECT_EQ(Post("/classify_generated_texts?no_such=1", "I", "text/plain")->status, 400);
  EXPECT_THAT(
      Post("/v1/models/gpt2:generate", R"({"max_length":-1})")->body,
      HasSubstr("must be an integer from 0 to 4294967295: -1; leave it out for the default"));
  EXPECT_THAT(Post("/v1/models/gpt2:detokenize", R"({"ids":[-1]})")->body,
              HasSubstr(R"("message":"ids[0] must be an integer from 0 to 4294967295: -1")"));
  EXPECT_EQ(Post("/v1/models/gpt2:generate", "{")->status, 400);
  EXPECT_EQ(Post("/v1/models/gpt2:generate", "<a/>", "text/xml")->status, 415);
  EXPECT_EQ(Post("/v1/models/nobody:generate", "{}")->status, 404);
  EXPECT_EQ(Post("/v1/models/gpt2:generate", R"({"text":"\ud800"})")->status, 400);
}

TEST_F(TranscodingHandlerTest, KnowsItsRoutes) {
  EXPECT_EQ(Get("/nowhere")->status, 404);
  EXPECT_EQ(endpoint_, kOtherEndpoint);
  EXPECT_EQ(Get("/%zz")->status, 400);
  const auto wrong_method = Get("/classify_generated_texts");
  EXPECT_EQ(wrong_method->status, 405);
  EXPECT_EQ(FieldOf(*wrong_method, "Allow"), "POST");
}

TEST_F(TranscodingHandlerTest, AnswersOptions) {
  const auto method = Get("/v1/models/gpt2:generate", "OPTIONS");
  EXPECT_EQ(method->status, 204);
  EXPECT_EQ(FieldOf(*method, "Allow"), "POST, OPTIONS");
  EXPECT_EQ(Get("*", "OPTIONS")->status, 204);
  EXPECT_EQ(Get("/nowhere", "OPTIONS")->status, 404);
}

TEST_F(TranscodingHandlerTest, RefusesClientsThatDoNotTakeJson) {
  const auto ask = [&](std::string accept) {
    return Ask({.method = "POST",
                .target = "/v1/models/nobody:generate",
                .fields = {{"Accept", std::move(accept)}},
                .body = "{}"})
        ->status;
  };
  EXPECT_EQ(ask("text/html"), 406);
  EXPECT_EQ(ask("*/*, application/json;q=0"), 406);
  EXPECT_EQ(ask("application/json"), 404);
}

TEST_F(TranscodingHandlerTest, AnswersGraphsAtOnce) {
  auto reply = Get("/v1/graphs/inference_graph");
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(endpoint_, "/v1/graphs/{graph}");
  EXPECT_EQ(reply->body,
            R"({"name":"inference_graph","nodes":[)"
            R"({"name":"a","kind":"NODE_KIND_GENERATE","runner":"gpt2","inputs":[],)"
            R"("healthy_replicas":1,"replicas":2,"in_flight":0,"waiting":0,"recent_calls":0,)"
            R"("recent_failures":0,"recent_caller_errors":0},)"
            R"({"name":"b","kind":"NODE_KIND_GENERATE","runner":"distilgpt2","inputs":[],)"
            R"("healthy_replicas":1,"replicas":2,"in_flight":0,"waiting":0,"recent_calls":0,)"
            R"("recent_failures":0,"recent_caller_errors":0},)"
            R"({"name":"score","kind":"NODE_KIND_CLASSIFY","runner":"bert","inputs":["a","b"],)"
            R"("healthy_replicas":1,"replicas":2,"in_flight":0,"recent_calls":0,)"
            R"("recent_failures":0,"recent_caller_errors":0}]})");
  reply = Get("/v1/graphs");
  ASSERT_TRUE(reply.has_value());
  EXPECT_THAT(reply->body, HasSubstr(R"({"graphs":[{"name":"inference_graph")"));
  EXPECT_EQ(Get("/v1/graphs/none")->status, 404);
}

TEST_F(TranscodingHandlerTest, StartsOnlyWithEveryMethodImplemented) {
  MethodRegistry one;
  one.Add("chorus.v1.InferenceService.Generate", handler_, &InferenceHandler::Generate);
  const auto door = TranscodingHandler::Create(one);
  EXPECT_EQ(door.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(door.status().message()), HasSubstr("POST /classify_generated_texts"));
}

}  // namespace
}  // namespace chorus::gateway
