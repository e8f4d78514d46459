#include "runner_server/engine/classify_task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/error_details.h"
#include "tests/runner_server/engine/fake_encoder.h"

namespace chorus::runner {
namespace {

using ::testing::DoubleEq;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> Scores(const ClassifyTask& task, const std::vector<float>& logits,
                           chorus::v1::ScoreKind kind = chorus::v1::SCORE_KIND_UNSPECIFIED) {
  ClassifyTask::Request request;
  request.set_score_kind(kind);
  ClassifyTask::Result result;
  task.FillResult(request, logits, result);
  return {result.scores().begin(), result.scores().end()};
}

TEST(Softmax, SumsToOne) {
  EXPECT_THAT(Softmax(std::vector<float>{0, 0}), ElementsAre(DoubleEq(0.5), DoubleEq(0.5)));
  EXPECT_THAT(Softmax(std::vector<float>{1000, 1000 + std::log(3.f)}),
              ElementsAre(DoubleNear(0.25, 1e-5), DoubleNear(0.75, 1e-5)));
  EXPECT_THAT(Softmax(std::vector<float>{7}), ElementsAre(1));
}

TEST(ClassifyTask, MakesScoresAsTheHeadSays) {
  const FakeEncoder softmax;
  EXPECT_THAT(Scores(ClassifyTask(softmax), {0, std::log(3.f)}),
              ElementsAre(DoubleNear(0.25, 1e-6), DoubleNear(0.75, 1e-6)));
  const FakeEncoder sigmoid(
      ClassificationHead{.labels = {"A", "B"}, .function = ScoreFunction::kSigmoid});
  EXPECT_THAT(Scores(ClassifyTask(sigmoid), {0, std::log(3.f)}),
              ElementsAre(0.5, DoubleNear(0.75, 1e-6)));
  EXPECT_THAT(Scores(ClassifyTask(sigmoid), {-1000, 1000}), ElementsAre(0, 1));
  const FakeEncoder raw(ClassificationHead{.labels = {"A", "B"}, .function = ScoreFunction::kNone});
  EXPECT_THAT(Scores(ClassifyTask(raw), {-3.5f, 1e9f}), ElementsAre(-3.5, 1e9f));
}

TEST(ClassifyTask, MakesScoresAsTheCallSays) {
  const FakeEncoder model;
  const ClassifyTask task(model);
  EXPECT_THAT(Scores(task, {0, -2}, chorus::v1::SCORE_KIND_RAW), ElementsAre(0, -2));
  EXPECT_THAT(Scores(task, {0, 0}, chorus::v1::SCORE_KIND_SIGMOID), ElementsAre(0.5, 0.5));
  ClassifyTask::Request request;
  request.set_score_kind(chorus::v1::SCORE_KIND_RAW);
  ClassifyTask::Response response;
  task.FillResponse(request, response);
  EXPECT_EQ(response.score_kind(), chorus::v1::SCORE_KIND_RAW);
  EXPECT_THAT(response.labels(), ElementsAre("LENGTH", "SUM"));
  EXPECT_FALSE(response.untrained_head());
}

TEST(ClassifyTask, TellsOfAnUntrainedHead) {
  const FakeEncoder model(ClassificationHead{
      .labels = {"A", "B"}, .function = ScoreFunction::kSigmoid, .untrained_seed = 7});
  const ClassifyTask task(model);
  runner::v1::GetModelInfoResponse info;
  task.FillInfo(info);
  EXPECT_EQ(info.task(), runner::v1::TASK_CLASSIFY);
  EXPECT_EQ(info.score_kind(), chorus::v1::SCORE_KIND_SIGMOID);
  EXPECT_TRUE(info.untrained_head());
  ClassifyTask::Response response;
  task.FillResponse({}, response);
  EXPECT_TRUE(response.untrained_head());
}

TEST(ClassifyTask, RefusesPairsThatAreNotAsManyAndUnknownKinds) {
  const FakeEncoder model;
  const ClassifyTask task(model);
  ClassifyTask::Request request;
  request.add_texts("a");
  request.add_texts("b");
  EXPECT_TRUE(task.Check(request).ok());
  EXPECT_EQ(ClassifyTask::PairOf(request, 1), nullptr);
  request.add_text_pairs("c");
  EXPECT_EQ(task.Check(request),
            FieldError("text_pairs", "must be empty or hold as many as texts, 2: 1"));
  request.add_text_pairs("d");
  EXPECT_TRUE(task.Check(request).ok());
  EXPECT_EQ(*ClassifyTask::PairOf(request, 1), "d");
  request.set_text_pairs(1, "");
  EXPECT_EQ(ClassifyTask::PairOf(request, 1), nullptr);  // As to transformers.
  EXPECT_EQ(*ClassifyTask::PairOf(request, 0), "c");
  request.set_score_kind(static_cast<chorus::v1::ScoreKind>(99));
  EXPECT_THAT(std::string(task.Check(request).message()), HasSubstr("score_kind"));
}

}  // namespace
}  // namespace chorus::runner
