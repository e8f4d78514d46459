#include "api_server/front/inference_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "tests/api_server/front/front_fixture.h"

namespace chorus {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What a completion brought.
template <typename Response>
struct Outcome {
  std::optional<absl::StatusOr<Response>> value;

  InferenceHandler::Done<Response> Done() {
    return [this](absl::StatusOr<Response> response) {
      EXPECT_FALSE(value.has_value()) << "completed twice";
      value = std::move(response);
    };
  }
};

// The field that the error's BadRequest names.
std::string FieldOf(const absl::Status& status) {
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  google::rpc::BadRequest details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return "";
  return details.field_violations(0).field();
}

using InferenceHandlerTest = FrontFixture;

TEST_F(InferenceHandlerTest, RepliesTextAndScoreInTheGraphsOrder) {
  Outcome<v1::ClassifyGeneratedTextsResponse> outcome;
  v1::ClassifyGeneratedTextsRequest request;
  request.set_text("I");
  ASSERT_TRUE(handler_.ClassifyGeneratedTexts(request, {}, outcome.Done()).ok());
  FinishGraph();
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  const auto& results = (*outcome.value)->results();
  ASSERT_EQ(results.size(), 2);
  EXPECT_EQ(results[0].generated(), "I one");
  EXPECT_THAT(results[0].score(), DoubleEq(0.9));
  EXPECT_EQ(results[1].generated(), "I two");
  EXPECT_THAT(results[1].score(), DoubleEq(0.8));  // Of the likeliest label, which is NEGATIVE.
  EXPECT_FALSE(results[0].has_label() || results[0].has_model() || results[0].has_seed() ||
               results[0].has_finish_reason());
}

TEST_F(InferenceHandlerTest, RepliesDetailsWhenAsked) {
  Outcome<v1::RunGraphResponse> outcome;
  v1::RunGraphRequest request;
  request.set_graph("inference_graph");
  request.set_details(true);
  request.set_seed(7);
  ASSERT_TRUE(handler_.RunGraph(request, {}, outcome.Done()).ok());
  FinishGraph();
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  const auto& results = (*outcome.value)->results();
  EXPECT_EQ(results[0].label(), "POSITIVE");
  EXPECT_EQ(results[0].model(), "gpt2");
  EXPECT_EQ(results[0].finish_reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(results[0].seed(), 7);
  EXPECT_EQ(results[1].label(), "NEGATIVE");
  EXPECT_EQ(results[1].model(), "distilgpt2");
  EXPECT_EQ(results[1].finish_reason(), v1::FINISH_REASON_STOP);
}

TEST_F(InferenceHandlerTest, PassesParametersAndCallOn) {
  Outcome<v1::GenerateResponse> outcome;
  v1::GenerateRequest request;
  request.set_model("gpt2");
  request.set_text("I");
  request.set_max_length(9);
  request.set_max_new_tokens(8);
  request.set_do_sample(false);
  request.set_temperature(0.5);
  request.set_top_k(0);
  request.set_top_p(1);
  request.set_seed(std::numeric_limits<uint64_t>::max());
  std::stop_source stop;
  const absl::Time deadline = absl::Now() + absl::Seconds(100);
  ASSERT_TRUE(handler_.Generate(request, {deadline, stop.get_token(), "id"}, outcome.Done()).ok());
  auto call = gpt2_->TakeGenerate();
  EXPECT_EQ(call.prompt, "I");
  EXPECT_EQ(call.params.max_length, 9);
  EXPECT_EQ(call.params.max_new_tokens, 8);
  EXPECT_FALSE(call.params.do_sample);
  EXPECT_EQ(call.params.temperature, 0.5);
  EXPECT_EQ(call.params.top_k, 0);
  EXPECT_EQ(call.params.top_p, 1);
  EXPECT_EQ(call.params.seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(call.context.deadline, deadline);
  EXPECT_EQ(call.context.request_id, "id");
  stop.request_stop();
  EXPECT_TRUE(call.context.stop.stop_requested());
  call.Finish(" am");
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  EXPECT_EQ((*outcome.value)->generated(), "I am");
  EXPECT_EQ((*outcome.value)->prompt_tokens(), 1);
  EXPECT_EQ((*outcome.value)->generated_tokens(), 2);
  EXPECT_EQ((*outcome.value)->seed(), std::numeric_limits<uint64_t>::max());
}

TEST_F(InferenceHandlerTest, ClassifiesWithEveryLabel) {
  Outcome<v1::ClassifyResponse> outcome;
  v1::ClassifyRequest request;
  request.set_model("bert");
  request.add_texts("good");
  ASSERT_TRUE(handler_.Classify(request, {}, outcome.Done()).ok());
  auto call = bert_->TakeClassify();
  EXPECT_THAT(call.texts, ElementsAre("good"));
  call.Finish(0.75);
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  const v1::Classification& result = (*outcome.value)->results(0);
  EXPECT_EQ(result.label(), "POSITIVE");
  EXPECT_EQ(result.score(), 0.75);
  ASSERT_EQ(result.scores_size(), 2);
  EXPECT_EQ(result.scores(0).label(), "NEGATIVE");
  EXPECT_EQ(result.scores(0).score(), 0.25);
}

TEST_F(InferenceHandlerTest, NamesEachParameterThatIsOutOfRangeWithItsValue) {
  struct Case {
    std::function<void(v1::ClassifyGeneratedTextsRequest&)> set;
    std::string field, value;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<Case> cases = {
      {[](auto& request) { request.set_max_length(0); }, "max_length", ": 0"},
      {[](auto& request) { request.set_max_new_tokens(0); }, "max_new_tokens", ": 0"},
      {[](auto& request) { request.set_temperature(0); }, "temperature", ": 0"},
      {[](auto& request) { request.set_temperature(-1.5); }, "temperature", ": -1.5"},
      {[](auto& request) { request.set_temperature(kInfinity); }, "temperature", ": inf"},
      {[](auto& request) { request.set_temperature(NAN); }, "temperature", ": nan"},
      {[](auto& request) { request.set_top_p(0); }, "top_p", ": 0"},
      {[](auto& request) { request.set_top_p(1.01); }, "top_p", ": 1.01"},
      {[](auto& request) { request.set_top_p(-kInfinity); }, "top_p", ": -inf"},
      {[](auto& request) { request.set_top_p(NAN); }, "top_p", ": nan"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(absl::StrCat(test.field, test.value));
    v1::ClassifyGeneratedTextsRequest request;
    test.set(request);
    v1::RunGraphRequest run;
    v1::GenerateRequest generate;
    // The three messages share these fields' numbers.
    ASSERT_TRUE(run.ParseFromString(request.SerializeAsString()));
    ASSERT_TRUE(generate.ParseFromString(request.SerializeAsString()));
    for (const absl::Status& status :
         {handler_.ClassifyGeneratedTexts(request, {}, nullptr),
          handler_.RunGraph(run, {}, nullptr), handler_.Generate(generate, {}, nullptr)}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(status.message()), StartsWith(absl::StrCat(test.field, " must be ")));
      EXPECT_THAT(std::string(status.message()), HasSubstr(test.value));
      EXPECT_EQ(FieldOf(status), test.field);
    }
  }
  EXPECT_EQ(gpt2_->num_generate_calls(), 0);
  EXPECT_EQ(admission_.num_in_progress(), 0);
}

TEST_F(InferenceHandlerTest, RefusesTextThatIsNotUtf8) {
  v1::GenerateRequest request;
  request.set_model("gpt2");
  request.set_text("ab\xff");
  const absl::Status status = handler_.Generate(request, {}, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(status), "text");
  EXPECT_THAT(std::string(status.message()), HasSubstr("byte 2"));
}

TEST_F(InferenceHandlerTest, BoundsTheNumberOfTexts) {
  v1::ClassifyRequest request;
  request.set_model("bert");
  absl::Status status = handler_.Classify(request, {}, nullptr);
  EXPECT_THAT(std::string(status.message()), HasSubstr(": 0"));
  EXPECT_EQ(FieldOf(status), "texts");
  while (request.texts_size() < 1024) request.add_texts();
  Outcome<v1::ClassifyResponse> outcome;
  EXPECT_TRUE(handler_.Classify(request, {}, outcome.Done()).ok());
  bert_->TakeClassify().Fail(absl::UnavailableError("no healthy replica"));
  EXPECT_EQ(outcome.value->status().code(), absl::StatusCode::kUnavailable);
  request.add_texts();
  EXPECT_THAT(std::string(handler_.Classify(request, {}, nullptr).message()), HasSubstr(": 1025"));
  request.mutable_texts()->DeleteSubrange(1, 1024);
  request.add_texts("\xff");
  EXPECT_EQ(FieldOf(handler_.Classify(request, {}, nullptr)), "texts[1]");
}

TEST_F(InferenceHandlerTest, RefusesOverTheBoundAndGivesPlacesBack) {
  std::vector<Outcome<v1::GenerateResponse>> outcomes(kMaxInProgress);
  v1::GenerateRequest request;
  request.set_model("gpt2");
  for (auto& outcome : outcomes) {
    ASSERT_TRUE(handler_.Generate(request, {}, outcome.Done()).ok());
  }
  EXPECT_EQ(handler_.Generate(request, {}, nullptr).code(), absl::StatusCode::kResourceExhausted);
  gpt2_->TakeGenerate().Finish("a");
  gpt2_->TakeGenerate().Fail(absl::UnavailableError("no healthy replica"));
  EXPECT_EQ(admission_.num_in_progress(), kMaxInProgress - 2);
  // A call that cannot begin gives its place back too.
  request.set_model("nobody");
  EXPECT_EQ(handler_.Generate(request, {}, nullptr).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(admission_.num_in_progress(), kMaxInProgress - 2);
  while (gpt2_->num_generate_calls() > 0) gpt2_->TakeGenerate().Finish("a");
  EXPECT_EQ(admission_.num_in_progress(), 0);
}

TEST_F(InferenceHandlerTest, ExpiredCallsReachNoRunner) {
  v1::ClassifyGeneratedTextsRequest request;
  const absl::Status status =
      handler_.ClassifyGeneratedTexts(request, {.deadline = absl::Now()}, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(gpt2_->num_generate_calls(), 0);
}

TEST_F(InferenceHandlerTest, ClosedAdmissionIsUnavailable) {
  admission_.Close();
  v1::ClassifyRequest request;
  request.set_model("bert");
  request.add_texts("a");
  EXPECT_EQ(handler_.Classify(request, {}, nullptr).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace chorus
