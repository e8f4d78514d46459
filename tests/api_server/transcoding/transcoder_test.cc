#include "api_server/transcoding/transcoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "api_server/transcoding/http_status.h"
#include "proto/chorus/v1/inference.pb.h"
#include "tests/api_server/transcoding/status_matchers.h"
#include "tests/api_server/transcoding/test_service.pb.h"

namespace chorus::gateway {
namespace {

using google::protobuf::Message;
using google::protobuf::ServiceDescriptor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const ServiceDescriptor* TestService() {
  return testing::Everything::descriptor()->file()->FindServiceByName("TestService");
}

const ServiceDescriptor* InferenceService() {
  return v1::RunGraphRequest::descriptor()->file()->FindServiceByName("InferenceService");
}

class TranscoderTest : public ::testing::Test {
 protected:
  // The request message; an error of Match() or TranslateRequest().
  template <typename M>
  absl::StatusOr<M> Translate(const std::string& method, const std::string& target,
                              const std::string& content_type, const std::string& body) {
    auto route = transcoder_->Match(method, target);
    if (!route.ok()) return route.status();
    auto message = transcoder_->TranslateRequest(
        *route, {.target = target, .content_type = content_type, .body = body});
    if (!message.ok()) return message.status();
    return dynamic_cast<const M&>(**message);
  }

  const std::vector<const ServiceDescriptor*> services_ = {TestService(), InferenceService()};
  const std::unique_ptr<Transcoder> transcoder_ = Transcoder::Create(services_).value();
};

TEST_F(TranscoderTest, TranscodesTheTutorialsCall) {
  const auto request = Translate<v1::ClassifyGeneratedTextsRequest>(
      "POST", "/classify_generated_texts?seed=7&max_length=64&temperature=0.5&do_sample=true",
      "application/x-www-form-urlencoded", "I have an idea!");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->ShortDebugString(),
            R"(text: "I have an idea!" max_length: 64 do_sample: true temperature: 0.5 seed: 7)");

  const auto route = transcoder_->Match("POST", "/classify_generated_texts");
  ASSERT_THAT(route, IsOk());
  EXPECT_EQ(route->binding->rpc_path, "/chorus.v1.InferenceService/ClassifyGeneratedTexts");
  EXPECT_EQ(route->binding->method->name(), "ClassifyGeneratedTexts");
  v1::ClassifyGeneratedTextsResponse reply;
  EXPECT_EQ(transcoder_->TranslateResponse(*route, reply), "[]");
  for (const double score : {0.93, 0.0, 0.77}) {
    auto& result = *reply.add_results();
    result.set_score(score);
    result.set_generated("I have an idea! …");
  }
  EXPECT_EQ(transcoder_->TranslateResponse(*route, reply),
            R"([{"generated":"I have an idea! …","score":0.93},)"
            R"({"generated":"I have an idea! …","score":0},)"
            R"({"generated":"I have an idea! …","score":0.77}])");
  reply.mutable_results()->DeleteSubrange(1, 2);
  reply.mutable_results(0)->set_label("POSITIVE");
  reply.mutable_results(0)->set_finish_reason(v1::FINISH_REASON_LENGTH);
  reply.mutable_results(0)->set_seed(7);
  EXPECT_EQ(transcoder_->TranslateResponse(*route, reply),
            R"([{"generated":"I have an idea! …","score":0.93,"label":"POSITIVE",)"
            R"("finish_reason":"FINISH_REASON_LENGTH","seed":"7"}])");
}

TEST_F(TranscoderTest, TranscodesTheOtherInferenceRoutes) {
  const auto run = Translate<v1::RunGraphRequest>("POST", "/v1/graphs/inference_graph:run",
                                                  "application/json", R"({"text":"a","seed":"7"})");
  ASSERT_THAT(run, IsOk());
  EXPECT_EQ(run->ShortDebugString(), R"(text: "a" seed: 7 graph: "inference_graph")");
  const auto generate =
      Translate<v1::GenerateRequest>("POST", "/v1/models/gpt2:demo:generate", "application/json",
                                     R"({"text":"a","max_new_tokens":3})");
  ASSERT_THAT(generate, IsOk());
  EXPECT_EQ(generate->ShortDebugString(), R"(text: "a" max_new_tokens: 3 model: "gpt2:demo")");
  const auto classify = Translate<v1::ClassifyRequest>(
      "POST", "/v1/models/bert:classify", "application/json", R"({"texts":["a","b"]})");
  ASSERT_THAT(classify, IsOk());
  EXPECT_EQ(classify->ShortDebugString(), R"(model: "bert" texts: "a" texts: "b")");
}

TEST_F(TranscoderTest, ExplainsTheTutorialsMistakes) {
  const auto error = [&](const std::string& query, const std::string& type,
                         const std::string& body) {
    return Translate<v1::ClassifyGeneratedTextsRequest>("POST", "/classify_generated_texts" + query,
                                                        type, body);
  };
  EXPECT_THAT(error("", "application/json", R"({"text":"I have an idea!"})"),
              IsInvalid("the body must be a JSON string, the field text, not an object; JSON "
                        "objects go to POST /v1/graphs/{graph}:run"));
  EXPECT_THAT(error("?max_len=5", "text/plain", "a"),
              IsInvalid(StartsWith(
                  "unknown query parameter \"max_len\" (did you mean max_length?): POST "
                  "/classify_generated_texts takes max_length, max_new_tokens, do_sample, ")));
  EXPECT_THAT(error("?max_length=-5", "text/plain", "a"),
              IsInvalid("query parameter max_length must be an integer from 0 to 4294967295: "
                        "\"-5\""));
  EXPECT_THAT(error("?top_k=-1", "text/plain", "a"),
              IsInvalid("query parameter top_k must be an integer from 0 to 4294967295: \"-1\"; "
                        "leave it out for the default"));
  EXPECT_THAT(
      error("", "", R"({"text":"I have an idea!"})"),
      IsInvalid("the body is a JSON object, which POST /classify_generated_texts would take "
                "as the text: send it to POST /v1/graphs/{graph}:run with the header "
                "Content-Type: application/json, or here with Content-Type: text/plain if "
                "the text is meant"));
  EXPECT_THAT(Translate<v1::RunGraphRequest>("POST", "/v1/graphs/g:run", "application/json",
                                             R"({"text":"a","max_tokens":5})"),
              IsInvalid(StartsWith("unknown field \"max_tokens\" in the body (did you mean "
                                   "max_new_tokens?), which takes text, max_length,")));
  EXPECT_THAT(Translate<v1::RunGraphRequest>("POST", "/v1/graphs/g:run", "application/json",
                                             R"({"prompt":"a"})"),
              IsInvalid(Not(HasSubstr("graph"))));  // The path gives it.
  EXPECT_THAT(Translate<v1::RunGraphRequest>("POST", "/v1/graphs/g:run", "application/json",
                                             R"({"stop":"\n"})"),
              IsInvalid("stop must be an array: \"\n\"; write one entry in brackets too"));
  EXPECT_THAT(error("?text=b", "text/plain", "a"),
              IsInvalid("the query parameter text is not allowed: the body gives text"));
  EXPECT_THAT(error("", "text/plain", "a\xC3"),
              IsInvalid("the body, the field text, must be UTF-8: byte 1 is not"));
  const absl::Status image = error("", "image/png", "a").status();
  EXPECT_EQ(HttpStatus(image), 415);
  EXPECT_THAT(Translate<v1::RunGraphRequest>("POST", "/v1/graphs/g:run", "application/json",
                                             R"({"graph":"h"})"),
              IsInvalid("the body must not have the field graph: the path gives it"));
}

TEST_F(TranscoderTest, TellsWhyThereIsNoRoute) {
  const absl::Status none = transcoder_->Match("GET", "/no/such?x=1").status();
  EXPECT_THAT(none, StatusIs(absl::StatusCode::kNotFound, "there is no route \"/no/such\""));
  EXPECT_EQ(HttpStatus(none), 404);
  EXPECT_EQ(AllowHeader(none), "");

  const absl::Status method = transcoder_->Match("GET", "/classify_generated_texts").status();
  EXPECT_THAT(method, StatusIs(absl::StatusCode::kUnimplemented,
                               "\"/classify_generated_texts\" takes POST, not \"GET\""));
  EXPECT_EQ(HttpStatus(method), 405);
  EXPECT_EQ(AllowHeader(method), "POST");
  EXPECT_EQ(AllowHeader(transcoder_->Match("PUT", "/v1/books/x").status()), "GET, HEAD");

  for (const std::string target : {"/v1/books/%zz", "v1/books/x", "", "/v1/books/%FF"}) {
    const absl::Status bad = transcoder_->Match("GET", target).status();
    EXPECT_THAT(bad, IsInvalid(HasSubstr("the path is malformed: "))) << target;
    EXPECT_EQ(HttpStatus(bad), 400);
  }
}

TEST_F(TranscoderTest, RoutesByMethodVerbAndVariables) {
  struct Case {
    std::string method, target, binding;
    std::vector<std::string> values;
  };
  for (const Case& c : std::vector<Case>{
           {"GET",
            "/v1/shelves/1/books/2?details=true",
            "GET /v1/{name=shelves/*/books/*}",
            {"shelves/1/books/2"}},
           {"GET", "/v1/books/a%2Fb", "GET /v1/books/{name}", {"a/b"}},
           {"HEAD", "/v1/books/a", "HEAD /v1/books/{name}", {"a"}},
           {"GET", "/v1/books", "GET /v1/books", {}},
           {"GET", "/v1/books/a:watch", "GET /v1/books/{name}:watch", {"a"}},
           {"GET", "/v1/books/a:other", "GET /v1/books/{name}", {"a:other"}},
           {"GET", "/files/a%2Fb/c?d=e/f", "GET /files/{name=**}", {"a%2Fb/c"}},
           {"POST", "/files/a/b:read", "POST /files/{name=**}:read", {"a/b"}},
           {"TRACE", "/any", "* /any", {}},
           {"PATCH",
            "/v1/shelves/1/books/2",
            "PATCH /v1/{book.name=shelves/*/books/*}",
            {"shelves/1/books/2"}},
           {"PUT", "/texts/%3F", "PUT /texts/{id}", {"?"}},
       }) {
    const auto route = transcoder_->Match(c.method, c.target);
    ASSERT_THAT(route, IsOk()) << c.target;
    EXPECT_EQ(route->binding->name(), c.binding);
    EXPECT_EQ(route->variable_values, c.values) << c.target;
  }
}

TEST_F(TranscoderTest, TakesTheQueryAfterTheFirstQuestionMark) {
  const auto request =
      Translate<testing::Everything>("GET", "/search?text=a?b&maybe_text=/c", "", "");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->text(), "a?b");
  EXPECT_EQ(request->maybe_text(), "/c");
}

TEST_F(TranscoderTest, RepliesWithTheWholeMessageOrOneField) {
  const auto reply = [&](const std::string& method, const std::string& target, const Message& m) {
    return transcoder_->TranslateResponse(transcoder_->Match(method, target).value(), m);
  };
  testing::Book book;
  book.set_name("n");
  book.set_score(0);
  EXPECT_EQ(reply("GET", "/v1/books/n", book), R"({"name":"n","score":0})");
  testing::BookList books;
  EXPECT_EQ(reply("GET", "/v1/books", books), "[]");
  books.add_books()->set_name("a");
  books.set_next("b");
  EXPECT_EQ(reply("GET", "/v1/books", books), R"([{"name":"a"}])");
  testing::Everything message;
  EXPECT_EQ(reply("PUT", "/maybe", message), R"("")");
  EXPECT_EQ(reply("PUT", "/inner", message), "null");
  message.mutable_inner()->set_count(0);
  EXPECT_EQ(reply("PUT", "/inner", message), R"({"name":"","tags":[],"count":0})");
}

TEST_F(TranscoderTest, ListsItsBindings) {
  EXPECT_EQ(transcoder_->bindings().size(), 32u);
  EXPECT_EQ(transcoder_->bindings().back().name(), "POST /v1/models/{model}:detokenize");
}

TEST(Transcoder, NamesBothMethodsOfOneRoute) {
  const std::vector<const ServiceDescriptor*> twice = {InferenceService(), InferenceService()};
  EXPECT_THAT(
      Transcoder::Create(twice),
      StatusIs(absl::StatusCode::kAlreadyExists,
               "google.api.http of chorus.v1.InferenceService.ClassifyGeneratedTexts: POST "
               "/classify_generated_texts is the same route as POST /classify_generated_texts of "
               "chorus.v1.InferenceService.ClassifyGeneratedTexts"));
}

}  // namespace
}  // namespace chorus::gateway
