// A model that runs aside is told of callbacks during its next pass, and one that cuts its logits
// is asked for the largest alone. Neither changes what a caller hears.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/generation_params.h"
#include "runner_server/engine/generation_stepper.h"
#include "tests/base/parse_proto.h"
#include "tests/runner_server/engine/fake_language_model.h"
#include "tests/runner_server/engine/fake_tokenizer.h"
#include "tests/runner_server/engine/generation_reply.h"
#include "tests/runner_server/engine/recording_observer.h"

namespace chorus::runner {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1000);

class StepperAsideTest : public ::testing::Test {
 protected:
  void Make(const FakeLanguageModel::Options& options, FakeLanguageModel::Logits logits) {
    auto model = std::make_unique<FakeLanguageModel>(options, std::move(logits));
    model_ = model.get();
    stepper_ = *GenerationStepper::Create(std::move(model), tokenizer_, observer_,
                                          {.schedule = {.max_step_tokens = 16},
                                           .num_threads = 2,
                                           .eos_token_ids = {FakeTokenizer::kEnd}});
  }

  void Add(const std::string& text, const std::string& params, GenerationReply& reply,
           std::stop_token stop = {}) {
    auto sequence = std::make_unique<Sequence>();
    sequence->tokens = tokenizer_.Encode(text, false).value();
    sequence->num_prompt_tokens = static_cast<int>(text.size());
    sequence->max_tokens = 40;
    sequence->stop = std::move(stop);
    runner::v1::GenerateRequest request;
    *request.mutable_params() = DefaultParams();
    Override(ParseProto<chorus::v1::GenerationParams>(params), *request.mutable_params());
    stepper_->Add({std::move(sequence), std::move(request), reply.callbacks()});
  }

  void RunAll() {
    while (stepper_->HasWork()) stepper_->Step(kNow);
  }

  FakeTokenizer tokenizer_;
  RecordingObserver observer_;
  FakeLanguageModel* model_ = nullptr;  // The stepper's.
  std::unique_ptr<GenerationStepper> stepper_;
};

struct Heard {
  std::string text, reason;
  std::vector<std::string> logprobs;
  bool operator==(const Heard&) const = default;
};

TEST_F(StepperAsideTest, TextsAndLogProbabilitiesAreTheSame) {
  const std::vector<std::string> kParams = {
      "do_sample: false",
      "do_sample: false repetition_penalty: 1.5 logprobs: 3",
      "top_k: 5 seed: 3",
      "top_k: 3 seed: 4 logprobs: 8 ignore_eos: true",
      "top_k: 0 top_p: 0.9 seed: 5 logprobs: 2",
      "top_k: 9 top_p: 0.8 min_p: 0.05 temperature: 0.8 seed: 6 stop: 'b'"};
  // Of few values: the largest are often equal to others.
  const auto coarse = [](const std::vector<int32_t>& tokens, std::span<float> logits) {
    HashLogits(tokens, logits);
    for (float& logit : logits) logit = std::round(logit);
  };
  for (const auto& logits :
       {FakeLanguageModel::Logits(HashLogits), FakeLanguageModel::Logits(coarse)}) {
    std::vector<std::vector<Heard>> all;
    for (const auto& [aside, cuts] : std::vector<std::pair<bool, bool>>{
             {false, false}, {true, false}, {false, true}, {true, true}}) {
      Make({.runs_aside = aside, .cuts_logits = cuts}, logits);
      std::deque<GenerationReply> replies;
      for (const std::string& params : kParams) Add("ab", params, replies.emplace_back());
      RunAll();
      std::vector<Heard>& heard = all.emplace_back();
      for (const GenerationReply& reply : replies) {
        ASSERT_TRUE(reply.result.ok()) << reply.result.status();
        heard.push_back({reply.text, FinishReason_Name(reply.result->reason())});
        for (const auto& logprob : reply.logprobs) {
          auto rounded = logprob;  // The sums are added up in another order.
          const auto round = [](auto& entry) {
            entry.set_logprob(std::round(entry.logprob() * 1e4) / 1e4);
          };
          round(rounded);
          for (auto& top : *rounded.mutable_top()) round(top);
          heard.back().logprobs.push_back(rounded.ShortDebugString());
        }
      }
      if (cuts) {
        EXPECT_GT(model_->num_tops, 0);
      }
    }
    for (const std::vector<Heard>& heard : all) EXPECT_EQ(heard, all[0]);
  }
  EXPECT_GT(model_->num_all_of_top, 0);  // Of the coarse ones.
}

TEST_F(StepperAsideTest, CallsBackDuringTheNextPassOrWhenThereIsNone) {
  Make({.runs_aside = true}, Script(2, {3, 1, 20, FakeTokenizer::kEnd}));
  GenerationReply reply;
  Add("ab", "do_sample: false", reply);
  std::vector<int> told;  // Deltas before each pass.
  model_->before_forward = [&] { told.push_back(reply.num_deltas); };
  RunAll();
  EXPECT_EQ(told, (std::vector<int>{0, 0, 1, 2}));
  EXPECT_EQ(reply.text, "cat");
  EXPECT_TRUE(reply.done());
}

TEST_F(StepperAsideTest, WhatIsUntoldComesBeforeTheEnd) {
  // Cancelled, and the last one: no pass follows.
  Make({.runs_aside = true}, Script(2, {3}));
  std::stop_source stop;
  GenerationReply cancelled;
  Add("ab", "do_sample: false", cancelled, stop.get_token());
  for (int i = 0; i < 3; ++i) stepper_->Step(kNow);
  stop.request_stop();
  stepper_->Step(kNow);
  EXPECT_EQ(cancelled.text, "ccc");
  EXPECT_EQ(cancelled.result.status().code(), absl::StatusCode::kCancelled);

  // The model fails.
  Make({.runs_aside = true}, Script(2, {3}));
  GenerationReply failed;
  Add("ab", "do_sample: false", failed);
  stepper_->Step(kNow);
  model_->before_forward = [] { throw std::runtime_error("broken"); };
  stepper_->Step(kNow);
  EXPECT_EQ(failed.text, "c");
  EXPECT_EQ(failed.result.status().code(), absl::StatusCode::kInternal);

  // The engine ends.
  Make({.runs_aside = true}, Script(2, {3}));
  GenerationReply ended;
  Add("ab", "do_sample: false", ended);
  stepper_->Step(kNow);
  stepper_->FailAll(absl::UnavailableError("shutting down"));
  EXPECT_EQ(ended.text, "c");
  EXPECT_EQ(ended.result.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace chorus::runner
