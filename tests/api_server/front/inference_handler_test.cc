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
#include "base/generation_params.h"
#include "google/rpc/error_details.pb.h"
#include "tests/api_server/front/front_fixture.h"
#include "tests/base/parse_proto.h"

namespace chorus::gateway {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
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
               results[0].has_finish_reason() || results[0].has_classified_tokens() ||
               results[0].has_truncated());
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

TEST_F(InferenceHandlerTest, TellsWhereASeedMakesATextOnlyNearlyAgain) {
  v1::GenerationEnd end;
  end.set_bits(v1::BITS_PER_BATCH_SHAPE);
  const auto write_texts = [&] {
    std::move(gpt2_->TakeGenerate().done)(end);
    bert_->TakeClassify().Finish(0.9);
    distilgpt2_->TakeGenerate().Finish(" two");
    bert_->TakeClassify().Finish(0.2);
  };
  Outcome<v1::ClassifyGeneratedTextsResponse> outcome;
  v1::ClassifyGeneratedTextsRequest request;
  request.set_details(true);
  ASSERT_TRUE(handler_.ClassifyGeneratedTexts(request, {}, outcome.Done()).ok());
  write_texts();
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  EXPECT_EQ((*outcome.value)->results(0).bits(), v1::BITS_PER_BATCH_SHAPE);
  EXPECT_FALSE((*outcome.value)->results(1).has_bits());

  for (const bool nearly : {true, false}) {
    const auto events = std::make_shared<EventQueue>();
    ASSERT_TRUE(handler_.StreamClassifyGeneratedTexts({}, {}, events).ok());
    if (nearly) {
      write_texts();
    } else {
      FinishGraph();
    }
    const v1::DoneEvent done = events->Take().events.back().done();
    EXPECT_TRUE(done.has_seed());
    EXPECT_EQ(done.bits(), nearly ? v1::BITS_PER_BATCH_SHAPE : v1::BITS_UNSPECIFIED);

    Outcome<v1::GenerateResponse> generated;
    v1::GenerateRequest generate;
    generate.set_model("gpt2");
    ASSERT_TRUE(handler_.Generate(generate, {}, generated.Done()).ok());
    std::move(gpt2_->TakeGenerate().done)(nearly ? end : v1::GenerationEnd());
    ASSERT_TRUE(generated.value.has_value() && generated.value->ok());
    EXPECT_EQ((*generated.value)->has_bits(), nearly);
  }
}

TEST_F(InferenceHandlerTest, TellsInDetailsAndStreamsWhetherTheClassifierReadTheWholeText) {
  Outcome<v1::ClassifyGeneratedTextsResponse> outcome;
  v1::ClassifyGeneratedTextsRequest request;
  request.set_details(true);
  ASSERT_TRUE(handler_.ClassifyGeneratedTexts(request, {}, outcome.Done()).ok());
  gpt2_->TakeGenerate().Finish(" one");
  bert_->TakeClassify().Finish(0.9, 512);
  distilgpt2_->TakeGenerate().Finish(" two");
  bert_->TakeClassify().Finish(0.9, 513);
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  const auto& results = (*outcome.value)->results();
  EXPECT_EQ(results[0].classified_tokens(), 512u);
  EXPECT_TRUE(results[0].has_truncated());
  EXPECT_FALSE(results[0].truncated());
  EXPECT_EQ(results[1].classified_tokens(), 513u);
  EXPECT_TRUE(results[1].truncated());

  const auto events = std::make_shared<EventQueue>();
  ASSERT_TRUE(handler_.StreamClassifyGeneratedTexts({}, {}, events).ok());
  gpt2_->TakeGenerate().Finish(" one");
  bert_->TakeClassify().Finish(0.9, 513);
  const v1::ScoreEvent score = events->Take().events.back().score();
  EXPECT_EQ(score.classified_tokens(), 513u);
  EXPECT_TRUE(score.truncated());
  distilgpt2_->TakeGenerate().Finish(" two");
  bert_->TakeClassify().Finish(0.9);
}

TEST_F(InferenceHandlerTest, PassesOnHowTextsAreRead) {
  Outcome<v1::ClassifyGeneratedTextsResponse> outcome;
  v1::ClassifyGeneratedTextsRequest request;
  request.set_truncate(false);
  request.set_split_special_tokens(true);
  ASSERT_TRUE(handler_.ClassifyGeneratedTexts(request, {}, outcome.Done()).ok());
  auto generate = gpt2_->TakeGenerate();
  EXPECT_TRUE(generate.params().split_special_tokens());
  generate.Finish(" one");
  auto classify = bert_->TakeClassify();
  EXPECT_TRUE(classify.request.refuse_truncation());
  EXPECT_TRUE(classify.request.split_special_tokens());
  classify.Fail(absl::InvalidArgumentError("texts[0] has 600 tokens"));
  distilgpt2_->TakeGenerate().Fail(absl::CancelledError(""));
  ASSERT_TRUE(outcome.value.has_value());
  EXPECT_EQ(outcome.value->status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(outcome.value->status().message(), "score (bert): texts[0] has 600 tokens");

  Outcome<v1::ClassifyGeneratedTextsResponse> plain;
  ASSERT_TRUE(handler_.ClassifyGeneratedTexts({}, {}, plain.Done()).ok());
  generate = gpt2_->TakeGenerate();
  EXPECT_FALSE(generate.params().split_special_tokens());
  generate.Finish(" one");
  classify = bert_->TakeClassify();
  EXPECT_FALSE(classify.request.refuse_truncation());
  EXPECT_FALSE(classify.request.split_special_tokens());
  classify.Finish(0.9);
  distilgpt2_->TakeGenerate().Finish(" two");
  bert_->TakeClassify().Finish(0.9);
}

TEST_F(InferenceHandlerTest, PutsTheErrorInThePlaceOfATextWhenAskedForAPartialReply) {
  Outcome<v1::ClassifyGeneratedTextsResponse> outcome;
  v1::ClassifyGeneratedTextsRequest request;
  request.set_partial(true);
  request.set_details(true);
  ASSERT_TRUE(handler_.ClassifyGeneratedTexts(request, {}, outcome.Done()).ok());
  gpt2_->TakeGenerate().Finish(" one");
  distilgpt2_->TakeGenerate().Fail(absl::UnavailableError("no healthy replica"));
  bert_->TakeClassify().Finish(0.9);
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  const auto& results = (*outcome.value)->results();
  ASSERT_EQ(results.size(), 2);
  EXPECT_FALSE(results[0].has_error());
  EXPECT_THAT(results[0].score(), DoubleEq(0.9));
  EXPECT_FALSE(results[1].has_generated() || results[1].has_score() || results[1].has_label());
  const v1::ErrorEvent& error = results[1].error();
  EXPECT_EQ(error.code(), 503u);
  EXPECT_EQ(error.status(), "UNAVAILABLE");
  EXPECT_TRUE(error.retryable());
  EXPECT_EQ(error.branch(), "b");
  EXPECT_EQ(error.stage(), "generate");
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
  request.set_min_p(0.25);
  request.set_repetition_penalty(1.5);
  request.add_stop("END");
  request.set_ignore_eos(true);
  request.set_logprobs(3);
  std::stop_source stop;
  const absl::Time deadline = absl::Now() + absl::Seconds(100);
  ASSERT_TRUE(handler_.Generate(request, {deadline, stop.get_token(), "id"}, outcome.Done()).ok());
  auto call = gpt2_->TakeGenerate();
  EXPECT_EQ(call.request.text(), "I");
  EXPECT_EQ(call.params().max_length(), 9);
  EXPECT_EQ(call.params().max_new_tokens(), 8);
  EXPECT_FALSE(call.params().do_sample());
  EXPECT_TRUE(call.params().has_do_sample());
  EXPECT_EQ(call.params().temperature(), 0.5);
  EXPECT_EQ(call.params().top_k(), 0);
  EXPECT_EQ(call.params().top_p(), 1);
  EXPECT_EQ(call.params().seed(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(call.params().min_p(), 0.25);
  EXPECT_EQ(call.params().repetition_penalty(), 1.5);
  EXPECT_THAT(call.params().stop(), ElementsAre("END"));
  EXPECT_TRUE(call.params().ignore_eos());
  EXPECT_EQ(call.params().logprobs(), 3);
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

TEST_F(InferenceHandlerTest, AKeySaysWhatItsCallsMayUseAndWhenTheyHaveTheirTurn) {
  const auto key = std::make_shared<ApiKey>();
  key->name = "ci";
  key->models = {"gpt2"};
  Call call;
  call.caller = Caller(key, std::make_shared<Quota>());
  v1::GenerateRequest generate;
  generate.set_model("distilgpt2");
  EXPECT_TRUE(absl::IsPermissionDenied(handler_.Generate(generate, call, nullptr)));
  EXPECT_TRUE(absl::IsPermissionDenied(handler_.RunGraph({}, call, nullptr)));
  EXPECT_TRUE(absl::IsPermissionDenied(handler_.GetGraph({}, call, nullptr)));
  generate.set_model("gpt2");
  for (const auto& [priority, expected] :
       {std::pair(config::v1::PRIORITY_LOW, -1), std::pair(config::v1::PRIORITY_NORMAL, 0),
        std::pair(config::v1::PRIORITY_HIGH, 1)}) {
    key->priority = priority;
    Outcome<v1::GenerateResponse> outcome;
    ASSERT_TRUE(handler_.Generate(generate, call, outcome.Done()).ok());
    auto running = gpt2_->TakeGenerate();
    EXPECT_EQ(running.request.priority(), expected);
    running.Finish(" am");
  }
  // Of the four calls that may be in progress, one of low priority is refused as the fourth.
  key->priority = config::v1::PRIORITY_LOW;
  std::vector<Outcome<v1::GenerateResponse>> outcomes(4);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(handler_.Generate(generate, call, outcomes[i].Done()).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(handler_.Generate(generate, call, nullptr)));
  EXPECT_TRUE(handler_.Generate(generate, {}, outcomes[3].Done()).ok());
  for (int i = 0; i < 4; ++i) gpt2_->TakeGenerate().Finish("");
}

TEST_F(InferenceHandlerTest, ScoresAPromptThatIsGivenAsTokens) {
  Outcome<v1::GenerateResponse> outcome;
  v1::GenerateRequest request;
  request.set_model("gpt2");
  request.set_max_new_tokens(0);
  request.add_prompt_ids(7);
  request.add_prompt_ids(8);
  request.set_text("I");
  request.set_prompt_logprobs(true);
  request.set_logprobs(1);
  request.set_frequency_penalty(-1);
  request.set_presence_penalty(1);
  request.set_min_new_tokens(3);
  request.add_logit_bias()->set_id(5);
  EXPECT_EQ(FieldOf(handler_.Generate(request, {}, nullptr)), "text");
  request.clear_text();
  ASSERT_TRUE(handler_.Generate(request, {}, outcome.Done()).ok());
  auto call = gpt2_->TakeGenerate();
  EXPECT_THAT(call.request.prompt_ids(), ElementsAre(7, 8));
  EXPECT_EQ(call.params().frequency_penalty(), -1);
  EXPECT_EQ(call.params().presence_penalty(), 1);
  EXPECT_EQ(call.params().min_new_tokens(), 3u);
  EXPECT_EQ(call.params().logit_bias(0).id(), 5);
  EXPECT_TRUE(call.params().prompt_logprobs());
  EXPECT_TRUE(call.params().has_max_new_tokens());
  v1::TextDelta delta;
  delta.add_prompt_logprobs()->set_id(7);
  delta.add_prompt_logprobs()->set_logprob(-2);
  call.on_text(std::move(delta));
  v1::GenerationEnd end;
  end.set_prompt("ab");
  std::move(call.done)(std::move(end));
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  const v1::GenerateResponse& response = **outcome.value;
  EXPECT_EQ(response.generated(), "ab");
  ASSERT_EQ(response.prompt_logprobs().tokens_size(), 2);
  EXPECT_EQ(response.prompt_logprobs().tokens(0).id(), 7u);
  EXPECT_EQ(response.prompt_logprobs().tokens(1).logprob(), -2);
  EXPECT_TRUE(response.logprobs().tokens().empty());
}

TEST_F(InferenceHandlerTest, BoundsStopStringsAndLogprobs) {
  v1::GenerateRequest request;
  request.set_model("gpt2");
  request.add_stop("a");
  request.add_stop("");
  EXPECT_EQ(FieldOf(handler_.Generate(request, {}, nullptr)), "stop[1]");
  request.set_stop(1, std::string(1025, 'a'));
  EXPECT_EQ(FieldOf(handler_.Generate(request, {}, nullptr)), "stop[1]");
  request.set_stop(1, "\xff");
  EXPECT_EQ(FieldOf(handler_.Generate(request, {}, nullptr)), "stop[1]");
  while (request.stop_size() < 17) request.add_stop("b");
  request.set_stop(1, "b");
  EXPECT_EQ(FieldOf(handler_.Generate(request, {}, nullptr)), "stop");
  request.clear_stop();
  request.set_logprobs(21);
  EXPECT_EQ(FieldOf(handler_.Generate(request, {}, nullptr)), "logprobs");
}

TEST_F(InferenceHandlerTest, RepliesWithSeveralTextsTheirLogprobsAndTimes) {
  Outcome<v1::GenerateResponse> outcome;
  v1::GenerateRequest request;
  request.set_model("gpt2");
  request.set_text("I");
  request.set_num_return_sequences(2);
  request.set_logprobs(1);
  request.set_echo(false);
  request.set_explain(true);
  ASSERT_TRUE(handler_.Generate(request, {}, outcome.Done()).ok());
  auto first = gpt2_->TakeGenerate();
  first.on_text(ParseProto<v1::TextDelta>(R"pb(
    text: " one"
    num_tokens: 1
    logprobs {
      id: 5
      text: " one"
      logprob: -0.5
      top { id: 6 text: " six" logprob: -0.25 }
    })pb"));
  std::move(first.done)(ParseProto<v1::GenerationEnd>(R"pb(
    reason: FINISH_REASON_STOP_STRING
    prompt_tokens: 1
    generated_tokens: 1
    timing { queue_seconds: 0.25 }
    model_version: "v2")pb"));
  gpt2_->TakeGenerate().Finish(" two");
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  const v1::GenerateResponse& response = **outcome.value;
  EXPECT_EQ(response.generated(), " one");
  EXPECT_EQ(response.finish_reason(), v1::FINISH_REASON_STOP_STRING);
  ASSERT_EQ(response.logprobs().tokens_size(), 1);
  EXPECT_EQ(response.logprobs().tokens(0).id(), 5);
  EXPECT_EQ(response.logprobs().tokens(0).top(0).text(), " six");
  EXPECT_EQ(response.timing().queue(), 0.25);
  EXPECT_EQ(response.timing().runner(), "gpt2");
  EXPECT_EQ(response.timing().model_version(), "v2");
  EXPECT_FALSE(response.timing().has_classify());
  EXPECT_FALSE(response.timing().has_classifier_version());
  ASSERT_EQ(response.others_size(), 1);
  EXPECT_EQ(response.others(0).generated(), " two");
}

// The stream's events, "token 0 a \" one\"" and so on; `end` is the status it ended with.
std::vector<std::string> Drain(EventQueue& events, std::optional<absl::Status>* end) {
  EventQueue::Batch batch = events.Take();
  std::vector<std::string> shown;
  for (const v1::StreamEvent& event : batch.events) {
    if (event.has_token()) {
      const v1::TokenEvent& token = event.token();
      shown.push_back(absl::StrCat("token ", token.index(), " ", token.branch(), " \"",
                                   token.text(), "\"", token.has_finish_reason() ? "." : ""));
    } else if (event.has_score()) {
      shown.push_back(absl::StrCat("score ", event.score().index(), " ", event.score().branch(),
                                   " ", event.score().label()));
    } else if (event.has_done()) {
      shown.push_back(absl::StrCat("done ", event.done().prompt_tokens(), " ",
                                   event.done().generated_tokens(), " ", event.done().seed()));
    }
  }
  *end = std::move(batch.end);
  return shown;
}

TEST_F(InferenceHandlerTest, StreamsAGraphAsItRuns) {
  v1::ClassifyGeneratedTextsRequest request;
  request.set_text("I");
  request.set_seed(7);
  const auto events = std::make_shared<EventQueue>();
  ASSERT_TRUE(handler_.StreamClassifyGeneratedTexts(request, {}, events).ok());
  std::optional<absl::Status> end;
  auto a = gpt2_->TakeGenerate();
  a.Write(" o", 1);
  EXPECT_THAT(Drain(*events, &end), ElementsAre("token 0 a \" o\""));
  a.Finish("ne");
  bert_->TakeClassify().Finish(0.9);
  EXPECT_THAT(Drain(*events, &end), ElementsAre("token 0 a \"ne\".", "score 0 a POSITIVE"));
  EXPECT_FALSE(end.has_value());
  EXPECT_EQ(admission_.num_in_progress(), 1);
  distilgpt2_->TakeGenerate().Finish(" two");
  bert_->TakeClassify().Finish(0.2);
  EXPECT_THAT(Drain(*events, &end),
              ElementsAre("token 1 b \" two\".", "score 1 b NEGATIVE", "done 2 4 7"));
  EXPECT_EQ(end, absl::OkStatus());
  EXPECT_EQ(admission_.num_in_progress(), 0);
}

TEST_F(InferenceHandlerTest, AStreamThatFailsEndsWithTheError) {
  v1::RunGraphRequest request;
  request.set_graph("inference_graph");
  const auto events = std::make_shared<EventQueue>();
  ASSERT_TRUE(handler_.StreamRunGraph(request, {}, events).ok());
  gpt2_->TakeGenerate().Fail(absl::UnavailableError("gone"));
  distilgpt2_->TakeGenerate().Fail(absl::CancelledError(""));
  std::optional<absl::Status> end;
  EXPECT_THAT(Drain(*events, &end), IsEmpty());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(end->message(), "a (gpt2): gone");
  EXPECT_EQ(admission_.num_in_progress(), 0);
  request.set_graph("nobody");
  EXPECT_EQ(handler_.StreamRunGraph(request, {}, events).code(), absl::StatusCode::kNotFound);
}

TEST_F(InferenceHandlerTest, StreamsOneModel) {
  v1::GenerateRequest request;
  request.set_model("gpt2");
  request.set_seed(7);
  const auto events = std::make_shared<EventQueue>();
  ASSERT_TRUE(handler_.StreamGenerate(request, {}, events).ok());
  gpt2_->TakeGenerate().Finish(" one");
  std::optional<absl::Status> end;
  EXPECT_THAT(Drain(*events, &end), ElementsAre("token 0 gpt2 \" one\".", "done 1 2 7"));
  EXPECT_EQ(end, absl::OkStatus());
}

TEST_F(InferenceHandlerTest, TokenizesAndDetokenizes) {
  Outcome<v1::TokenizeResponse> tokens;
  v1::TokenizeRequest request;
  request.set_model("gpt2");
  request.set_text("I");
  request.set_split_special_tokens(true);
  ASSERT_TRUE(handler_.Tokenize(request, {}, tokens.Done()).ok());
  auto call = gpt2_->TakeTokenize();
  EXPECT_TRUE(call.request.split_special_tokens());
  std::move(call.done)(ParseProto<runner::v1::TokenizeResponse>(
      "tokens { id: 40 text: 'I' begin: 0 end: 1 } num_tokens: 7"));
  ASSERT_TRUE(tokens.value.has_value() && tokens.value->ok());
  EXPECT_EQ((*tokens.value)->tokens(0).id(), 40);
  EXPECT_EQ((*tokens.value)->tokens(0).end(), 1);
  EXPECT_EQ((*tokens.value)->num_tokens(), 7u);
  Outcome<v1::DetokenizeResponse> text;
  v1::DetokenizeRequest back;
  back.set_model("gpt2");
  back.add_ids(40);
  ASSERT_TRUE(handler_.Detokenize(back, {}, text.Done()).ok());
  std::move(gpt2_->TakeDetokenize().done)(ParseProto<runner::v1::DetokenizeResponse>("text: 'I'"));
  ASSERT_TRUE(text.value.has_value() && text.value->ok());
  EXPECT_EQ((*text.value)->text(), "I");
  request.set_text("\xff");
  EXPECT_EQ(FieldOf(handler_.Tokenize(request, {}, nullptr)), "text");
}

TEST_F(InferenceHandlerTest, TokensComeInPagesAndAsIds) {
  Outcome<v1::TokenizeResponse> outcome;
  v1::TokenizeRequest request;
  request.set_model("gpt2");
  request.set_ids_only(true);
  request.set_limit(2);
  request.set_offset(5);
  ASSERT_TRUE(handler_.Tokenize(request, {}, outcome.Done()).ok());
  auto call = gpt2_->TakeTokenize();
  EXPECT_TRUE(call.request.ids_only());
  EXPECT_EQ(call.request.limit(), 2u);
  EXPECT_EQ(call.request.offset(), 5u);
  std::move(call.done)(ParseProto<runner::v1::TokenizeResponse>("ids: 40 ids: 41 num_tokens: 9"));
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  EXPECT_THAT((*outcome.value)->ids(), ElementsAre(40, 41));
  EXPECT_EQ((*outcome.value)->tokens_size(), 0);
  EXPECT_EQ((*outcome.value)->num_tokens(), 9u);
}

TEST_F(InferenceHandlerTest, ClassifiesWithEveryLabel) {
  Outcome<v1::ClassifyResponse> outcome;
  v1::ClassifyRequest request;
  request.set_model("bert");
  request.add_texts("good");
  request.set_truncate(false);
  request.set_split_special_tokens(true);
  ASSERT_TRUE(handler_.Classify(request, {}, outcome.Done()).ok());
  auto call = bert_->TakeClassify();
  EXPECT_TRUE(call.request.refuse_truncation());
  EXPECT_TRUE(call.request.split_special_tokens());
  EXPECT_THAT(call.request.texts(), ElementsAre("good"));
  call.Finish(0.75, 600);
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  const v1::Classification& result = (*outcome.value)->results(0);
  EXPECT_EQ(result.label(), "POSITIVE");
  EXPECT_EQ(result.score(), 0.75);
  ASSERT_EQ(result.scores_size(), 2);
  EXPECT_EQ(result.scores(0).label(), "NEGATIVE");
  EXPECT_EQ(result.scores(0).score(), 0.25);
  EXPECT_EQ(result.num_tokens(), 600u);
  EXPECT_TRUE(result.truncated());
}

TEST_F(InferenceHandlerTest, ClassifiesPairsAndTellsWhatTheScoresAre) {
  Outcome<v1::ClassifyResponse> outcome;
  v1::ClassifyRequest request;
  request.set_model("bert");
  request.add_texts("good");
  request.add_text_pairs("is it");
  request.set_score_kind(v1::SCORE_KIND_RAW);
  const Call call;
  ASSERT_TRUE(handler_.Classify(request, call, outcome.Done()).ok());
  auto runner_call = bert_->TakeClassify();
  EXPECT_THAT(runner_call.request.text_pairs(), ElementsAre("is it"));
  EXPECT_EQ(runner_call.request.score_kind(), v1::SCORE_KIND_RAW);
  std::move(runner_call.done)(ParseProto<runner::v1::ClassifyResponse>(
      R"(labels: "A" results { scores: -7.5 num_tokens: 3 text_tokens: 3 }
         score_kind: SCORE_KIND_RAW untrained_head: true)"));
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  EXPECT_EQ((*outcome.value)->results(0).score(), -7.5);
  EXPECT_EQ((*outcome.value)->score_kind(), v1::SCORE_KIND_RAW);
  EXPECT_TRUE((*outcome.value)->untrained_head());
}

TEST_F(InferenceHandlerTest, RefusesPairsThatAreNotAsManyAsTexts) {
  v1::ClassifyRequest request;
  request.set_model("bert");
  request.add_texts("a");
  request.add_texts("b");
  request.add_text_pairs("c");
  absl::Status status = handler_.Classify(request, {}, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(status), "text_pairs");
  request.add_text_pairs("\xff");
  EXPECT_EQ(FieldOf(handler_.Classify(request, {}, nullptr)), "text_pairs[1]");
  request.clear_text_pairs();
  for (const int kind : {0, 99}) {
    request.set_score_kind(static_cast<v1::ScoreKind>(kind));
    EXPECT_EQ(FieldOf(handler_.Classify(request, {}, nullptr)), "score_kind");
  }
}

TEST_F(InferenceHandlerTest, EmbedsTexts) {
  Outcome<v1::EmbedResponse> outcome;
  v1::EmbedRequest request;
  request.set_model("bert");
  request.add_texts("a");
  request.set_truncate(false);
  request.set_normalize(true);
  request.set_dimensions(2);
  const Call call;
  ASSERT_TRUE(handler_.Embed(request, call, outcome.Done()).ok());
  auto runner_call = bert_->TakeEmbed();
  EXPECT_THAT(runner_call.request.texts(), ElementsAre("a"));
  EXPECT_TRUE(runner_call.request.refuse_truncation());
  EXPECT_TRUE(runner_call.request.normalize());
  EXPECT_EQ(runner_call.request.dimensions(), 2u);
  const auto answer = ParseProto<runner::v1::EmbedResponse>(
      R"(results { values: 0.5 values: -2 num_tokens: 4 text_tokens: 9 }
         pooling: POOLING_MEAN normalized: true)");
  std::move(runner_call.done)(answer);
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  const v1::Embedding& result = (*outcome.value)->results(0);
  EXPECT_THAT(result.values(), ElementsAre(0.5f, -2));
  EXPECT_FALSE(result.has_data());
  EXPECT_EQ(result.num_tokens(), 9u);
  EXPECT_TRUE(result.truncated());
  EXPECT_EQ((*outcome.value)->pooling(), v1::POOLING_MEAN);
  EXPECT_TRUE((*outcome.value)->normalized());
  EXPECT_EQ(call.notes->usage.Get().prompt_tokens, 9u);

  Outcome<v1::EmbedResponse> in_bytes;
  request.set_format(v1::EMBEDDING_FORMAT_BYTES);
  ASSERT_TRUE(handler_.Embed(request, {}, in_bytes.Done()).ok());
  std::move(bert_->TakeEmbed().done)(answer);
  ASSERT_TRUE(in_bytes.value.has_value() && in_bytes.value->ok());
  EXPECT_TRUE((*in_bytes.value)->results(0).values().empty());
  EXPECT_EQ((*in_bytes.value)->results(0).data(), std::string("\0\0\0?\0\0\0\xc0", 8));
}

TEST_F(InferenceHandlerTest, BoundsWhatIsEmbedded) {
  v1::EmbedRequest request;
  request.set_model("bert");
  EXPECT_EQ(FieldOf(handler_.Embed(request, {}, nullptr)), "texts");
  request.add_texts("\xff");
  EXPECT_EQ(FieldOf(handler_.Embed(request, {}, nullptr)), "texts[0]");
  request.set_texts(0, "a");
  request.set_dimensions(0);
  EXPECT_EQ(FieldOf(handler_.Embed(request, {}, nullptr)), "dimensions");
  request.clear_dimensions();
  request.set_format(static_cast<v1::EmbeddingFormat>(9));
  EXPECT_EQ(FieldOf(handler_.Embed(request, {}, nullptr)), "format");
  while (request.texts_size() < 1025) request.add_texts();
  EXPECT_EQ(FieldOf(handler_.Embed(request, {}, nullptr)), "texts");
  request.clear_texts();
  request.add_texts("a");
  request.clear_format();
  request.set_model("nobody");
  EXPECT_EQ(handler_.Embed(request, {}, nullptr).code(), absl::StatusCode::kNotFound);
}

TEST_F(InferenceHandlerTest, NotesWhatAStreamTook) {
  v1::GenerateRequest request;
  request.set_model("gpt2");
  const Call call;
  ASSERT_TRUE(handler_.StreamGenerate(request, call, std::make_shared<EventQueue>()).ok());
  gpt2_->TakeGenerate().Finish("text");
  EXPECT_EQ(call.notes->usage.Get().prompt_tokens, 1u);
  EXPECT_EQ(call.notes->usage.Get().generated_tokens, 2u);
}

TEST_F(InferenceHandlerTest, NotesWhatAStreamHasComeToThoughItFails) {
  v1::ClassifyGeneratedTextsRequest request;
  request.set_text("I");
  const Call call;
  const auto events = std::make_shared<EventQueue>();
  ASSERT_TRUE(handler_.StreamClassifyGeneratedTexts(request, call, events).ok());
  auto a = gpt2_->TakeGenerate();
  a.Write(" o", 3);
  CallUsage usage = call.notes->usage.Get();
  EXPECT_EQ(usage.prompt_tokens, 0u);
  EXPECT_EQ(usage.generated_tokens, 3u);
  EXPECT_GT(usage.first_token_time, absl::ZeroDuration());
  EXPECT_FALSE(usage.queue_time.has_value());  // Told by the end of a text.
  a.Finish("ne");
  distilgpt2_->TakeGenerate().Fail(absl::CancelledError("the caller left"));
  bert_->TakeClassify().Fail(absl::CancelledError("the caller left"));
  usage = call.notes->usage.Get();
  EXPECT_EQ(usage.prompt_tokens, 1u);
  EXPECT_EQ(usage.generated_tokens, 4u);
  EXPECT_TRUE(usage.queue_time.has_value());
}

TEST_F(InferenceHandlerTest, NotesWhatACallHasComeToBeforeItEnds) {
  v1::RunGraphRequest run;
  run.set_graph("inference_graph");
  const Call call;
  Outcome<v1::RunGraphResponse> outcome;
  ASSERT_TRUE(handler_.RunGraph(run, call, outcome.Done()).ok());
  auto a = gpt2_->TakeGenerate();
  ASSERT_NE(a.on_restart, nullptr);
  a.Write(" o", 3);
  EXPECT_EQ(call.notes->usage.Get().generated_tokens, 3u);
  // A text that begins again is told as one where it ends well.
  a.on_restart();
  a.Finish(" one");
  bert_->TakeClassify().Finish(0.9);
  EXPECT_EQ(call.notes->usage.Get().generated_tokens, 4u);
  distilgpt2_->TakeGenerate().Finish(" two");
  bert_->TakeClassify().Finish(0.9);
  ASSERT_TRUE(outcome.value.has_value() && outcome.value->ok());
  EXPECT_EQ(call.notes->usage.Get().generated_tokens, 4u);

  v1::GenerateRequest generate;
  generate.set_model("gpt2");
  const Call cut;
  Outcome<v1::GenerateResponse> none;
  ASSERT_TRUE(handler_.Generate(generate, cut, none.Done()).ok());
  auto running = gpt2_->TakeGenerate();
  running.Write(" o", 2);
  running.Fail(absl::CancelledError("the caller left"));
  EXPECT_EQ(cut.notes->usage.Get().generated_tokens, 2u);
}

TEST_F(InferenceHandlerTest, ATutorialsCallIsRunGraphInAllItsFields) {
  // Each field that the two requests share has one number and type, and so have the replies'.
  const auto expect_in = [](const google::protobuf::Descriptor& one,
                            const google::protobuf::Descriptor& other) {
    for (int i = 0; i < one.field_count(); ++i) {
      const auto& field = *one.field(i);
      const auto* same = other.FindFieldByNumber(field.number());
      ASSERT_NE(same, nullptr) << field.full_name();
      EXPECT_EQ(same->name(), field.name());
      EXPECT_EQ(same->type(), field.type()) << field.full_name();
      EXPECT_EQ(same->label(), field.label()) << field.full_name();
    }
  };
  expect_in(*v1::ClassifyGeneratedTextsRequest::descriptor(), *v1::RunGraphRequest::descriptor());
  expect_in(*v1::ClassifyGeneratedTextsResponse::descriptor(), *v1::RunGraphResponse::descriptor());
}

TEST_F(InferenceHandlerTest, TakesATemperatureOfZeroAsGreedyAndAnyWhereNothingIsDrawn) {
  struct Case {
    std::optional<bool> do_sample;
    double temperature;
    bool greedy;
  };
  for (const Case& c : std::vector<Case>{{std::nullopt, 0, true},
                                         {true, 0, true},
                                         {false, 0, true},
                                         {false, -1, true},
                                         {false, 5, true},
                                         {true, 5, false}}) {
    v1::GenerateRequest request;
    request.set_model("gpt2");
    if (c.do_sample) request.set_do_sample(*c.do_sample);
    request.set_temperature(c.temperature);
    Outcome<v1::GenerateResponse> outcome;
    ASSERT_TRUE(handler_.Generate(request, {}, outcome.Done()).ok());
    auto call = gpt2_->TakeGenerate();
    v1::GenerationParams params = DefaultParams();
    Override(call.params(), params);
    EXPECT_EQ(IsGreedy(params), c.greedy) << c.temperature;
    call.Fail(absl::InternalError(""));
  }
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
      {[](auto& request) { request.set_temperature(-1.5); }, "temperature", ": -1.5"},
      {[](auto& request) { request.set_temperature(kInfinity); }, "temperature", ": inf"},
      {[](auto& request) { request.set_temperature(NAN); }, "temperature", ": nan"},
      {[](auto& request) { request.set_top_p(0); }, "top_p", ": 0"},
      {[](auto& request) { request.set_top_p(1.01); }, "top_p", ": 1.01"},
      {[](auto& request) { request.set_top_p(-kInfinity); }, "top_p", ": -inf"},
      {[](auto& request) { request.set_top_p(NAN); }, "top_p", ": nan"},
      {[](auto& request) { request.set_min_p(-0.5); }, "min_p", ": -0.5"},
      {[](auto& request) { request.set_min_p(1.5); }, "min_p", ": 1.5"},
      {[](auto& request) { request.set_repetition_penalty(0); }, "repetition_penalty", ": 0"},
      {[](auto& request) { request.set_num_return_sequences(0); }, "num_return_sequences", ": 0"},
      {[](auto& request) { request.set_num_return_sequences(65); }, "num_return_sequences", ": 65"},
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
}  // namespace chorus::gateway
