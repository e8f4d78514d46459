#include "api_server/protocols/tei/tei_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/api_server/protocols/door_fixture.h"

namespace chorus::gateway {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TeiHandlerTest : public DoorFixture {
 protected:
  void SetUp() override {
    gpt2_->set_model({.task = ModelTask::kGenerate});
    bert_->set_model({.task = ModelTask::kClassify,
                      .version = "demo",
                      .dtype = "bfloat16",
                      .context_size = 512,
                      .labels = {"NEGATIVE", "POSITIVE"}});
  }

  // Serves an embedder of that name, too.
  std::shared_ptr<PuppetRunnerClient> AddEmbedder(const std::string& name) {
    auto client = std::make_shared<PuppetRunnerClient>();
    client->set_model({.task = ModelTask::kEmbed, .pooling = v1::POOLING_CLS});
    Executor::Runners runners = executor_.runners();
    runners[name] = client;
    executor_.SetServed(TutorialGraph(), runners);
    return client;
  }

  static runner::v1::EmbedResponse Vectors(int num_texts) {
    runner::v1::EmbedResponse response;
    for (int i = 0; i < num_texts; ++i) response.add_results()->add_values(0.5f);
    return response;
  }

  const HttpHandler& door() const override { return door_; }

  TeiHandler door_{handler_, executor_};
};

TEST_F(TeiHandlerTest, PredictsWithTheGraphsClassifier) {
  ASSERT_FALSE(Post("/predict", {{"inputs", "a film"}}));
  auto call = bert_->TakeClassify();
  EXPECT_THAT(call.request.texts(), ElementsAre("a film"));
  call.Finish(0.75);
  EXPECT_EQ(Body(later_), json::parse(R"([{"score": 0.75, "label": "POSITIVE"},
                                          {"score": 0.25, "label": "NEGATIVE"}])"));
}

TEST_F(TeiHandlerTest, RepliesToABatchWithAListForEach) {
  ASSERT_FALSE(Post("/predict", {{"inputs", json::array({json::array({"a film"})})},
                                 {"parameters", {{"top_k", 1}}}}));
  bert_->TakeClassify().Finish(0.25);
  EXPECT_EQ(Body(later_), json::parse(R"([[{"score": 0.75, "label": "NEGATIVE"}]])"));
}

TEST_F(TeiHandlerTest, ARunnerMayBeNamed) {
  ASSERT_FALSE(Post("/tei/ber%74/predict", {{"inputs", "a"}}));
  bert_->TakeClassify().Finish(0.75);
  EXPECT_EQ(later_->status, 200);
  const auto unknown = Post("/tei/bart/predict", {{"inputs", "a"}});
  EXPECT_EQ(unknown->status, 404);
  EXPECT_THAT(Body(unknown)["error"].get<std::string>(), HasSubstr("bart"));
}

TEST_F(TeiHandlerTest, EmbedsWithTheOnlyEmbedder) {
  const auto none = Post("/embed", {{"inputs", "a"}});
  EXPECT_EQ(none->status, 404);
  EXPECT_THAT(Body(none)["error"].get<std::string>(), HasSubstr("no embedder is served; there is"));

  const auto embedder = AddEmbedder("e5");
  ASSERT_FALSE(Post("/embed", {{"inputs", {"a", "b"}}}));
  auto call = embedder->TakeEmbed();
  EXPECT_THAT(call.request.texts(), ElementsAre("a", "b"));
  EXPECT_TRUE(call.request.normalize());
  std::move(call.done)(Vectors(2));
  EXPECT_EQ(Body(later_), json::parse("[[0.5], [0.5]]"));

  AddEmbedder("gte");
  const auto several = Post("/embed", {{"inputs", "a"}});
  EXPECT_EQ(several->status, 400);
  EXPECT_EQ(Body(several)["error"],
            "several runners are meant, e5, gte: name one, as in /tei/e5/embed");
  ASSERT_FALSE(Post("/tei/e5/embed", {{"inputs", "a"}}));
  std::move(embedder->TakeEmbed().done)(Vectors(1));
  EXPECT_EQ(later_->status, 200);
}

TEST_F(TeiHandlerTest, TellsTheModel) {
  EXPECT_EQ(Body(Get("/info")), json::parse(R"({"model_id": "bert", "model_sha": "demo",
      "model_dtype": "bfloat16", "model_type": {"classifier": {
          "id2label": {"0": "NEGATIVE", "1": "POSITIVE"},
          "label2id": {"NEGATIVE": 0, "POSITIVE": 1}}},
      "max_input_length": 512, "max_client_batch_size": 1024, "auto_truncate": true})"));
  AddEmbedder("e5");
  EXPECT_THAT(Body(Get("/info"))["error"].get<std::string>(),
              HasSubstr("/predict is of bert and /embed of e5: name one"));
  EXPECT_EQ(Body(Get("/tei/e5/info"))["model_type"],
            json::parse(R"({"embedding": {"pooling": "cls"}})"));
  EXPECT_EQ(Get("/tei/gpt2/info")->status, 400);
  EXPECT_EQ(Get("/tei/distilgpt2/info")->status, 503);
  EXPECT_EQ(Get("/tei/x/info")->status, 404);
}

TEST_F(TeiHandlerTest, ErrorsHaveTeisShape) {
  const auto wrong = Post("/predict", {{"inputs", 7}});
  EXPECT_EQ(wrong->status, 400);
  EXPECT_EQ(Body(wrong)["error_type"], "Validation");
  ASSERT_FALSE(Post("/predict", {{"inputs", "a"}}));
  bert_->TakeClassify().Fail(absl::ResourceExhaustedError("full"));
  EXPECT_EQ(later_->status, 429);
  EXPECT_EQ(Body(later_)["error_type"], "Overloaded");
  EXPECT_EQ(Body(door_.ErrorReply(absl::UnavailableError("gone"), "id"))["error_type"],
            "Unhealthy");
  EXPECT_EQ(Body(door_.ErrorReply(absl::InternalError("bug"), "id"))["error_type"], "Backend");
}

TEST_F(TeiHandlerTest, LeavesOtherPathsToOthers) {
  for (const char* path :
       {"/", "/predict/", "/tei/predict", "/tei//predict", "/tei/bert/x", "/tei/bert", "/infos"}) {
    EXPECT_TRUE(absl::IsNotFound(door_.Match({.method = "POST", .target = path}).refusal)) << path;
  }
  EXPECT_EQ(Get("/predict")->status, 405);
  EXPECT_EQ(Post("/info", {})->status, 405);
  EXPECT_EQ(Post("/tei/%zz/predict", {{"inputs", "a"}})->status, 400);
  EXPECT_EQ(door_.Match({.method = "POST", .target = "/tei/bert/predict"}).endpoint,
            "/tei/{model}/predict");
}

}  // namespace
}  // namespace chorus::gateway
