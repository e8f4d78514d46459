#include "runner_server/engine/generation_stepper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <new>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/generation_params.h"
#include "tests/base/parse_proto.h"
#include "tests/runner_server/engine/fake_language_model.h"
#include "tests/runner_server/engine/fake_tokenizer.h"
#include "tests/runner_server/engine/generation_reply.h"
#include "tests/runner_server/engine/recording_observer.h"

namespace chorus::runner {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int32_t kSmile = FakeTokenizer::kSmile;
const absl::Time kNow = absl::FromUnixSeconds(1000);

// A stepper over a fake model, driven by hand.
class GenerationStepperTest : public ::testing::Test {
 protected:
  void Make(FakeLanguageModel::Logits logits, FakeLanguageModel::Options options = {},
            int max_step_tokens = 16, int64_t kv_cache_bytes = 0,
            std::vector<int32_t> eos_token_ids = {FakeTokenizer::kEnd}) {
    auto model = std::make_unique<FakeLanguageModel>(options, std::move(logits));
    model_ = model.get();
    stepper_ = *GenerationStepper::Create(std::move(model), tokenizer_, observer_,
                                          {.schedule = {.max_step_tokens = max_step_tokens},
                                           .kv_cache_bytes = kv_cache_bytes,
                                           .num_threads = 2,
                                           .eos_token_ids = std::move(eos_token_ids)});
  }

  // `text` becomes the prompt; the sequence may have `max_tokens`.
  std::unique_ptr<Sequence> MakeSequence(std::string_view text, int max_tokens) {
    auto sequence = std::make_unique<Sequence>();
    sequence->tokens = tokenizer_.Encode(text, false).value();
    sequence->num_prompt_tokens = static_cast<int>(text.size());
    sequence->max_tokens = max_tokens;
    return sequence;
  }

  // With `params`, as text; greedy where they do not say.
  static runner::v1::GenerateRequest Request(const std::string& params) {
    runner::v1::GenerateRequest request;
    *request.mutable_params() = DefaultParams();
    request.mutable_params()->set_do_sample(false);
    Override(ParseProto<chorus::v1::GenerationParams>(params), *request.mutable_params());
    return request;
  }

  void Add(std::unique_ptr<Sequence> sequence, GenerationReply& reply,
           const std::string& params = "", absl::Time arrived_at = absl::InfiniteFuture()) {
    stepper_->Add({std::move(sequence), Request(params), reply.callbacks(), arrived_at});
  }

  void RunAll() {
    while (stepper_->HasWork()) stepper_->Step(kNow);
  }

  int NumPreempted() const {
    return std::accumulate(observer_.steps.begin(), observer_.steps.end(), 0,
                           [](int sum, const auto& step) { return sum + step.num_preempted; });
  }

  FakeTokenizer tokenizer_;
  RecordingObserver observer_;
  FakeLanguageModel* model_ = nullptr;  // The stepper's.
  std::unique_ptr<GenerationStepper> stepper_;
};

TEST_F(GenerationStepperTest, ContinuesThePromptUntilTheEnd) {
  Make(Script(2, {3, 1, 20, FakeTokenizer::kEnd}));
  GenerationReply reply;
  Add(MakeSequence("ab", 20), reply);
  RunAll();
  EXPECT_EQ(reply.text, "cat");
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_STOP);
  EXPECT_EQ(reply.result->prompt_tokens(), 2u);
  EXPECT_EQ(reply.result->generated_tokens(), 4u);  // The end counts.
  EXPECT_EQ(reply.num_deltas, 4);                   // A delta a token.
}

// As in transformers, which leaves out special tokens alone.
TEST_F(GenerationStepperTest, AnEndThatIsNoSpecialTokenIsOfTheText) {
  struct Case {
    std::string params, text;
    chorus::v1::FinishReason reason;
    uint32_t num_tokens;
  };
  for (const Case& c :
       std::vector<Case>{{"", "cat", chorus::v1::FINISH_REASON_STOP, 3},
                         {"stop: 'at'", "c", chorus::v1::FINISH_REASON_STOP_STRING, 3},
                         {"stop: 'ath'", "cat", chorus::v1::FINISH_REASON_STOP, 3},
                         {"ignore_eos: true", "catb", chorus::v1::FINISH_REASON_STOP, 5}}) {
    Make(Script(2, {3, 1, 20, 2, FakeTokenizer::kEnd}), {}, 16, 0, {20});
    GenerationReply reply;
    Add(MakeSequence("ab", 7), reply, c.params);
    RunAll();
    EXPECT_EQ(reply.text, c.text) << c.params;
    EXPECT_EQ(reply.result->generated_tokens(), c.num_tokens) << c.params;
    if (c.params == "ignore_eos: true") continue;
    EXPECT_EQ(reply.result->reason(), c.reason) << c.params;
  }
}

TEST_F(GenerationStepperTest, AnyOfSeveralTokensEndsAText) {
  for (const int end : {20, FakeTokenizer::kEnd}) {
    Make(Script(2, {3, 1, end, 2}), {}, 16, 0, {FakeTokenizer::kEnd, 20});
    GenerationReply reply;
    Add(MakeSequence("ab", 20), reply);
    RunAll();
    EXPECT_EQ(reply.text, end == 20 ? "cat" : "ca");  // "t" is no special token.
    EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_STOP);
    EXPECT_EQ(reply.result->generated_tokens(), 3u);
  }
  Make(Script(2, {3, 1, 20}), {}, 16, 0, {});
  GenerationReply reply;
  Add(MakeSequence("ab", 6), reply);
  RunAll();
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_LENGTH);
}

TEST_F(GenerationStepperTest, StopsAtTheLengthLimit) {
  Make(Script(2, {1}));
  GenerationReply reply;
  Add(MakeSequence("ab", 5), reply);
  RunAll();
  EXPECT_EQ(reply.text, "aaa");
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(reply.result->generated_tokens(), 3u);
}

TEST_F(GenerationStepperTest, FillsTheContextToTheLastToken) {
  Make(Script(2, {1}), {.context_size = 8});
  GenerationReply reply;
  Add(MakeSequence("ab", 8), reply);
  RunAll();
  EXPECT_EQ(reply.text, "aaaaaa");
}

TEST_F(GenerationStepperTest, HoldsCharactersBackUntilTheyAreWhole) {
  Make(Script(1, {1, kSmile, kSmile + 1, kSmile + 2, kSmile + 3, 2, FakeTokenizer::kEnd}));
  GenerationReply reply;
  Add(MakeSequence("z", 20), reply);
  RunAll();
  EXPECT_EQ(reply.text, "a🙂b");
  EXPECT_EQ(reply.num_deltas, 4);  // The last is the end's.
}

TEST_F(GenerationStepperTest, ReplacesACharacterThatTheEndCutsOff) {
  Make(Script(1, {1, kSmile, kSmile + 1}));
  GenerationReply reply;
  Add(MakeSequence("z", 4), reply);
  RunAll();
  EXPECT_EQ(reply.text, "a\uFFFD");
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_LENGTH);
}

TEST_F(GenerationStepperTest, StopsBeforeAStopStringAcrossTokens) {
  Make(Script(2, {3, 1, 20, 20, 5, 18, 1}));  // "catter", and on.
  GenerationReply reply;
  Add(MakeSequence("ab", 20), reply, "stop: 'xyz' stop: 'tte'");
  RunAll();
  EXPECT_EQ(reply.text, "ca");
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_STOP_STRING);
  EXPECT_EQ(reply.result->generated_tokens(), 5u);  // Those of the stop string count.
}

TEST_F(GenerationStepperTest, DeliversTheBeginningOfAStopStringAtAnotherEnd) {
  Make(Script(2, {3, 1, 20, FakeTokenizer::kEnd}));
  GenerationReply by_eos, by_length;
  Add(MakeSequence("ab", 20), by_eos, "stop: 'ats'");
  Add(MakeSequence("ab", 5), by_length, "stop: 'ats'");
  RunAll();
  EXPECT_EQ(by_eos.text, "cat");
  EXPECT_EQ(by_eos.result->reason(), chorus::v1::FINISH_REASON_STOP);
  EXPECT_EQ(by_length.text, "cat");
  EXPECT_EQ(by_length.result->reason(), chorus::v1::FINISH_REASON_LENGTH);
}

TEST_F(GenerationStepperTest, PrefersTheStopStringToTheLengthItIsCompleteAt) {
  Make(Script(2, {3, 1, 20}));
  GenerationReply reply;
  Add(MakeSequence("ab", 5), reply, "stop: 't'");
  RunAll();
  EXPECT_EQ(reply.text, "ca");
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_STOP_STRING);
}

TEST_F(GenerationStepperTest, LooksForStopStringsInNewTextOnly) {
  Make(Script(2, {2, 1, FakeTokenizer::kEnd}));
  GenerationReply reply;
  Add(MakeSequence("ab", 20), reply, "stop: 'ab' stop: 'bb'");
  RunAll();
  EXPECT_EQ(reply.text, "ba");
}

TEST_F(GenerationStepperTest, TakesTheEndForATokenWithoutTextWhenItIsIgnored) {
  Make(Script(2, {3, FakeTokenizer::kEnd, 1, FakeTokenizer::kEnd, 20}));
  GenerationReply reply;
  Add(MakeSequence("ab", 7), reply, "ignore_eos: true");
  RunAll();
  EXPECT_EQ(reply.text, "cat");
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(reply.result->generated_tokens(), 5u);
  EXPECT_EQ(reply.num_deltas, 3);
}

// GenerationReply holds every text of this file to it; here are texts of all kinds, with
// log-probabilities.
TEST_F(GenerationStepperTest, CountsEveryTokenHoweverATextEnds) {
  Make([](const std::vector<int32_t>& tokens, std::span<float> logits) {
    HashLogits(tokens, logits);
    for (int i = 0; i < 4; ++i) logits[kSmile + i] += 2;  // Many broken characters.
    logits[FakeTokenizer::kEnd] += 1;
  });
  const std::vector<std::vector<std::string>> stops = {
      {}, {"\uFFFD"}, {"a"}, {"qx", "zz"}, {"\uFFFD\uFFFD\uFFFD", "b\uFFFD"}};
  std::map<chorus::v1::FinishReason, int> num_ends;
  for (uint64_t seed = 0; seed < 600; ++seed) {
    auto sequence = MakeSequence("ab", 3 + static_cast<int>(seed % 30));
    sequence->finish_by = kNow + absl::Seconds(seed % 7 == 0 ? 5 : 1000);
    runner::v1::GenerateRequest request = Request("do_sample: true top_k: 0 logprobs: 1");
    chorus::v1::GenerationParams& params = *request.mutable_params();
    params.set_seed(seed);
    params.set_ignore_eos(seed % 4 == 0);
    for (const std::string& stop : stops[seed % stops.size()]) params.add_stop(stop);
    GenerationReply reply;
    stepper_->Add({std::move(sequence), std::move(request), reply.callbacks()});
    for (absl::Time now = kNow; stepper_->HasWork(); now += absl::Seconds(1)) stepper_->Step(now);
    ASSERT_TRUE(reply.result.ok()) << reply.result.status();
    EXPECT_EQ(reply.logprobs.size(), reply.result->generated_tokens()) << seed;
    EXPECT_EQ(reply.num_delta_tokens, reply.result->generated_tokens()) << seed;
    ++num_ends[reply.result->reason()];
  }
  for (const chorus::v1::FinishReason reason :
       {chorus::v1::FINISH_REASON_STOP, chorus::v1::FINISH_REASON_LENGTH,
        chorus::v1::FINISH_REASON_STOP_STRING, chorus::v1::FINISH_REASON_DEADLINE}) {
    EXPECT_GT(num_ends[reason], 10) << static_cast<int>(reason);
  }
}

TEST_F(GenerationStepperTest, TellsHowLikelyTheTokensOfTheEndWere) {
  Make(Script(2, {3, 1, 20, FakeTokenizer::kEnd}));
  GenerationReply by_eos, by_stop_string;
  Add(MakeSequence("ab", 20), by_eos, "logprobs: 0");
  Add(MakeSequence("ab", 20), by_stop_string, "stop: 'at' logprobs: 0");
  RunAll();
  const auto ids = [](const GenerationReply& reply) {
    std::vector<int32_t> ids;
    for (const chorus::v1::TokenLogprob& logprob : reply.logprobs) {
      ids.push_back(static_cast<int32_t>(logprob.id()));
    }
    return ids;
  };
  EXPECT_THAT(ids(by_eos), ElementsAre(3, 1, 20, FakeTokenizer::kEnd));
  EXPECT_EQ(by_eos.logprobs.back().text(), "");
  EXPECT_EQ(by_stop_string.text, "c");
  EXPECT_THAT(ids(by_stop_string), ElementsAre(3, 1, 20));
  EXPECT_EQ(by_stop_string.logprobs.back().text(), "t");
}

TEST_F(GenerationStepperTest, TellsHowLikelyTokensWereBeforePenaltyAndCuts) {
  Make([](const std::vector<int32_t>&, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), -100.f);
    logits[1] = std::log(8.f);
    logits[2] = std::log(4.f);
    logits[kSmile] = std::log(4.f);
  });
  GenerationReply reply, without, none;
  Add(MakeSequence("a", 3), reply, "repetition_penalty: 100 logprobs: 2");
  Add(MakeSequence("a", 3), without);
  Add(MakeSequence("a", 3), none, "logprobs: 0");
  RunAll();
  // "a" has been there, so "b"; after it, a byte that is no text by itself.
  ASSERT_EQ(reply.logprobs.size(), 2u);
  EXPECT_EQ(reply.logprobs[0].id(), 2u);
  EXPECT_EQ(reply.logprobs[0].text(), "b");
  EXPECT_NEAR(reply.logprobs[0].logprob(), std::log(0.25), 1e-6);
  ASSERT_EQ(reply.logprobs[0].top_size(), 2);
  EXPECT_EQ(reply.logprobs[0].top(0).id(), 1u);
  EXPECT_EQ(reply.logprobs[0].top(0).text(), "a");
  EXPECT_NEAR(reply.logprobs[0].top(0).logprob(), std::log(0.5), 1e-6);
  EXPECT_EQ(reply.logprobs[0].top(1).id(), 2u);
  EXPECT_EQ(reply.logprobs[1].id(), uint32_t{kSmile});
  EXPECT_EQ(reply.logprobs[1].text(), "\uFFFD");
  EXPECT_THAT(without.logprobs, IsEmpty());
  ASSERT_EQ(none.logprobs.size(), 2u);
  EXPECT_THAT(none.logprobs[0].top(), IsEmpty());
}

TEST_F(GenerationStepperTest, WritesNoEndBeforeTheLeastNumberOfTokens) {
  Make(
      [](const std::vector<int32_t>&, std::span<float> logits) {
        logits[FakeTokenizer::kEnd] = 9;
        logits[20] = 8;
        logits[1] = 7;
      },
      {}, 16, 0, {FakeTokenizer::kEnd, 20});
  GenerationReply reply;
  Add(MakeSequence("b", 10), reply, "min_new_tokens: 3");
  RunAll();
  EXPECT_EQ(reply.text, "aaa");
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_STOP);
  EXPECT_EQ(reply.result->generated_tokens(), 4u);
}

TEST_F(GenerationStepperTest, CountsNewTokensAloneForFrequencyAndPresence) {
  Make(
      [](const std::vector<int32_t>&, std::span<float> logits) {
        logits[1] = 5;
        logits[2] = 4.5;
        logits[3] = 3.2f;
      },
      {}, 16, 0, {});
  GenerationReply frequency, presence, bias;
  Add(MakeSequence("aaa", 8), frequency, "frequency_penalty: 1");  // a 5, 4, 3; b 4.5, 3.5; c 3.2.
  Add(MakeSequence("aaa", 8), presence, "presence_penalty: 1");
  Add(MakeSequence("aaa", 8), bias, "logit_bias { id: 3 bias: 9 }");
  RunAll();
  EXPECT_EQ(frequency.text,
            "abab"
            "c");
  EXPECT_EQ(presence.text, "abaaa");
  EXPECT_EQ(bias.text, "ccccc");
}

TEST_F(GenerationStepperTest, TellsHowLikelyThePromptWas) {
  const std::string prompt = "the quick brown fox jumps";
  std::vector<double> expected;  // By the logits after each token but the last.
  for (size_t i = 1; i < prompt.size(); ++i) {
    std::vector<int32_t> before = tokenizer_.Encode(prompt.substr(0, i), false).value();
    std::vector<float> logits(FakeTokenizer::kVocabSize);
    HashLogits(before, logits);
    double total = 0;
    for (const float logit : logits) total += std::exp(double{logit});
    const int32_t id = tokenizer_.Encode(prompt.substr(i, 1), false).value()[0];
    expected.push_back(logits[id] - std::log(total));
  }
  struct Case {
    int max_step_tokens, num_new, kv_cache_bytes;
  };
  for (const auto& [max_step_tokens, num_new, kv_cache_bytes] :
       std::vector<Case>{{200, 0, 0}, {200, 4, 0}, {4, 0, 0}, {7, 9, 0}, {16, 30, 110}}) {
    observer_.steps.clear();
    for (const bool cuts : {false, true}) {
      Make(HashLogits, {.cuts_logits = cuts}, max_step_tokens, kv_cache_bytes);
      GenerationReply before, scored, beside, plain;
      const int size = static_cast<int>(prompt.size());
      const auto score = [&](GenerationReply& reply, const std::string& params) {
        auto sequence = MakeSequence(prompt, size + num_new);
        sequence->runs_whole = true;
        Add(std::move(sequence), reply, "ignore_eos: true prompt_logprobs: true " + params);
      };
      Add(MakeSequence(prompt, size + 20), before, "ignore_eos: true");
      score(scored, "logprobs: 2");
      score(beside, "");
      Add(MakeSequence(prompt, size + std::max(num_new, 1)), plain, "ignore_eos: true");
      RunAll();
      for (const GenerationReply* reply : {&scored, &beside}) {
        ASSERT_TRUE(reply->result.ok()) << reply->result.status();
        EXPECT_EQ(reply->result->generated_tokens(), static_cast<uint32_t>(num_new));
        EXPECT_EQ(reply->text, num_new == 0 ? "" : plain.text);
        ASSERT_EQ(reply->prompt_logprobs.size(), prompt.size());
        EXPECT_FALSE(reply->prompt_logprobs[0].has_logprob());
        EXPECT_EQ(reply->prompt_logprobs[0].text(), "t");
        for (size_t i = 1; i < prompt.size(); ++i) {
          EXPECT_EQ(reply->prompt_logprobs[i].text(), prompt.substr(i, 1));
          EXPECT_NEAR(reply->prompt_logprobs[i].logprob(), expected[i - 1], 1e-6) << i;
          EXPECT_EQ(reply->prompt_logprobs[i].top_size(), reply == &scored ? 2 : 0);
        }
      }
      EXPECT_EQ(scored.logprobs.size(), static_cast<size_t>(num_new));
    }
    EXPECT_EQ(NumPreempted() > 0, kv_cache_bytes > 0);
  }
}

TEST_F(GenerationStepperTest, APromptOfOneTokenHasNoLikelihood) {
  Make(HashLogits);
  GenerationReply reply;
  Add(MakeSequence("z", 1), reply, "prompt_logprobs: true max_new_tokens: 0");
  RunAll();
  ASSERT_EQ(reply.prompt_logprobs.size(), 1u);
  EXPECT_FALSE(reply.prompt_logprobs[0].has_logprob());
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_LENGTH);
}

TEST_F(GenerationStepperTest, NeverChoosesAnIdWithoutAText) {
  Make(
      [](const std::vector<int32_t>&, std::span<float> logits) {
        logits[3] = 1;
        logits[40] = 50;  // Padding of the embedding.
      },
      {.vocab_size = 48});
  GenerationReply greedy, sampled;
  Add(MakeSequence("z", 6), greedy, "logprobs: 1");
  Add(MakeSequence("z", 30), sampled, "do_sample: true top_k: 0");
  RunAll();
  EXPECT_EQ(greedy.text, "ccccc");
  // Nor does the padding take probability away from the others.
  EXPECT_NEAR(greedy.logprobs[0].logprob(), 1 - std::log(std::exp(1) + 31), 1e-6);
  EXPECT_EQ(greedy.logprobs[0].top(0).id(), 3u);
  EXPECT_TRUE(sampled.result.ok());
}

// A request with everything about it drawn at random.
struct RandomRequest {
  std::string prompt;
  int max_tokens;
  runner::v1::GenerateRequest request;
  int joins_at_step;
};

// All that a caller sees of a text.
struct Written {
  explicit Written(const GenerationReply& reply)
      : text(reply.text),
        num_generated_tokens(reply.result->generated_tokens()),
        num_delta_tokens(reply.num_delta_tokens),
        reason(reply.result->reason()) {
    for (const chorus::v1::TokenLogprob& logprob : reply.logprobs) {
      logprobs.push_back(logprob.logprob());
      for (const chorus::v1::TopLogprob& top : logprob.top()) logprobs.push_back(top.logprob());
    }
  }
  bool operator==(const Written&) const = default;

  std::string text;
  uint32_t num_generated_tokens;
  uint32_t num_delta_tokens;
  chorus::v1::FinishReason reason;
  std::vector<double> logprobs;
};

std::vector<RandomRequest> MakeRandomRequests(int count) {
  std::mt19937 random(17);
  const auto pick = [&](int bound) { return static_cast<int>(random() % bound); };
  std::vector<RandomRequest> requests;
  for (int i = 0; i < count; ++i) {
    std::string prompt(1 + pick(30), 'a');
    // Some begin alike.
    for (size_t c = pick(2) * 20; c < prompt.size(); ++c) {
      prompt[c] = static_cast<char>('a' + pick(26));
    }
    const int max_tokens = static_cast<int>(prompt.size()) + 1 + pick(30);
    runner::v1::GenerateRequest request;
    chorus::v1::GenerationParams& params = *request.mutable_params();
    for (int s = pick(3); s > 0; --s)
      params.add_stop(std::string(1, static_cast<char>('a' + pick(26))));
    params.set_do_sample(pick(4) > 0);
    params.set_repetition_penalty(1 + 0.2 * pick(3));
    params.set_temperature(0.5 + 0.25 * pick(5));
    params.set_top_k(static_cast<uint32_t>(pick(3) * 10));
    params.set_top_p(pick(2) == 0 ? 1.0 : 0.9);
    params.set_min_p(pick(2) == 0 ? 0 : 0.02);
    params.set_seed(static_cast<uint64_t>(pick(3)));
    request.set_branch(static_cast<uint32_t>(pick(2)));
    request.set_sequence(static_cast<uint32_t>(pick(2)));
    params.set_ignore_eos(pick(2) == 0);
    const int joins_at_step = pick(60);
    if (pick(2) == 0) params.set_logprobs(static_cast<uint32_t>(pick(4)));
    requests.push_back({std::move(prompt), max_tokens, std::move(request), joins_at_step});
  }
  return requests;
}

TEST_F(GenerationStepperTest, WritesTheSameTextWhateverTheCompany) {
  const std::vector<RandomRequest> requests = MakeRandomRequests(60);
  const auto add = [&](const RandomRequest& request, GenerationReply& reply) {
    stepper_->Add(
        {MakeSequence(request.prompt, request.max_tokens), request.request, reply.callbacks()});
  };
  std::vector<Written> alone;
  for (const RandomRequest& request : requests) {
    Make(HashLogits, {.num_slots = 1}, /*max_step_tokens=*/64);
    GenerationReply reply;
    add(request, reply);
    RunAll();
    alone.emplace_back(reply);
  }
  for (const chorus::v1::FinishReason reason :
       {chorus::v1::FINISH_REASON_STOP, chorus::v1::FINISH_REASON_LENGTH,
        chorus::v1::FINISH_REASON_STOP_STRING}) {
    EXPECT_THAT(alone, Contains(Field(&Written::reason, reason)));
  }
  struct Case {
    int num_slots, max_step_tokens, kv_cache_bytes;  // A token is a byte of the fake's cache.
  };
  for (const auto& [num_slots, max_step_tokens, kv_cache_bytes] : std::vector<Case>{
           {2, 2, 0}, {4, 7, 0}, {16, 16, 0}, {60, 200, 0}, {4, 7, 64}, {16, 16, 100}}) {
    observer_.steps.clear();
    Make(HashLogits, {.num_slots = num_slots}, max_step_tokens, kv_cache_bytes);
    std::deque<GenerationReply> replies(requests.size());
    for (int step = 0; step < 60 || stepper_->HasWork(); ++step) {
      for (size_t i = 0; i < requests.size(); ++i) {
        if (requests[i].joins_at_step == step) add(requests[i], replies[i]);
      }
      stepper_->Step(kNow);
      if (kv_cache_bytes > 0) {
        EXPECT_LE(model_->num_held_tokens(), kv_cache_bytes);
      }
    }
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_TRUE(Written(replies[i]) == alone[i]) << replies[i].text << " " << alone[i].text;
    }
    EXPECT_EQ(NumPreempted() > 0, kv_cache_bytes > 0);
    EXPECT_GT(model_->num_copied_tokens, 0);
    EXPECT_THAT(*std::max_element(model_->batch_sizes.begin(), model_->batch_sizes.end()), Ge(2));
  }
}

TEST_F(GenerationStepperTest, StreamsWhatTheWholeDecodesTo) {
  Make([](const std::vector<int32_t>& tokens, std::span<float> logits) {
    HashLogits(tokens, logits);
    for (int i = 0; i < 4; ++i) logits[kSmile + i] += 3;  // Many broken characters.
    logits[FakeTokenizer::kEnd] = -100;
  });
  for (uint64_t seed = 0; seed < 50; ++seed) {
    auto sequence = MakeSequence("ab", 40);
    const Sequence* watched = sequence.get();
    GenerationReply reply;
    Add(std::move(sequence), reply, absl::StrCat("do_sample: true top_k: 0 seed: ", seed));
    std::vector<int32_t> tokens;
    while (stepper_->HasWork()) {
      stepper_->Step(kNow);
      if (!reply.done()) tokens = watched->tokens;
    }
    Detokenizer whole(tokenizer_);
    std::string text;
    for (size_t i = 2; i < tokens.size(); ++i) text += whole.Append(tokens[i]);
    EXPECT_EQ(reply.text.substr(0, text.size()), text);
    EXPECT_GT(text.size(), 5u);
  }
}

TEST_F(GenerationStepperTest, FreesTheSlotOfTheCancelledInTheNextStep) {
  Make(Script(1, {1}), {.num_slots = 1});
  std::stop_source stop;
  auto sequence = MakeSequence("z", 50);
  sequence->stop = stop.get_token();
  GenerationReply cancelled, next;
  Add(std::move(sequence), cancelled);
  Add(MakeSequence("z", 3), next);
  stepper_->Step(kNow);
  stepper_->Step(kNow);
  EXPECT_EQ(stepper_->num_running(), 1);
  stop.request_stop();
  EXPECT_FALSE(cancelled.done());  // Not inline.
  stepper_->Step(kNow);
  EXPECT_EQ(cancelled.result.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(cancelled.text, "aa");
  EXPECT_EQ(next.text, "a");  // It had the slot in that very step.
  EXPECT_THAT(observer_.cancelled, ElementsAre(Ge(absl::ZeroDuration())));
  EXPECT_THAT(observer_.rejected, IsEmpty());
}

TEST_F(GenerationStepperTest, CountsWhatIsDecodedForNobody) {
  Make(Script(1, {1}));
  std::stop_source stop;
  auto sequence = MakeSequence("z", 50);
  sequence->stop = stop.get_token();
  GenerationReply reply;
  Add(std::move(sequence), reply);
  stepper_->Step(kNow);
  model_->before_forward = [&] { stop.request_stop(); };  // In the middle of a step.
  stepper_->Step(kNow);
  stepper_->Step(kNow);
  ASSERT_EQ(observer_.steps.size(), 2u);
  EXPECT_EQ(observer_.steps[0].num_wasted_tokens, 0);
  EXPECT_EQ(observer_.steps[1].num_wasted_tokens, 1);
  EXPECT_EQ(reply.result.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(GenerationStepperTest, StopsDecodingAtTheDeadline) {
  Make(Script(1, {1}));
  auto sequence = MakeSequence("z", 50);
  sequence->deadline = kNow + absl::Seconds(1);
  GenerationReply reply;
  Add(std::move(sequence), reply);
  stepper_->Step(kNow);
  stepper_->Step(kNow + absl::Seconds(1));
  EXPECT_EQ(reply.result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(reply.text, "a");
  EXPECT_FALSE(stepper_->HasWork());
  EXPECT_THAT(observer_.rejected, IsEmpty());  // It ran.
}

TEST_F(GenerationStepperTest, FinishesATextThatMayTakeNoLonger) {
  Make(Script(1, {1}));
  auto sequence = MakeSequence("z", 50);
  sequence->finish_by = kNow + absl::Seconds(1);
  GenerationReply reply;
  Add(std::move(sequence), reply);
  stepper_->Step(kNow);
  stepper_->Step(kNow + absl::Seconds(1));
  ASSERT_TRUE(reply.result.ok()) << reply.result.status();
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_DEADLINE);
  EXPECT_EQ(reply.text, "aa");
  EXPECT_FALSE(stepper_->HasWork());
}

TEST_F(GenerationStepperTest, WhatHasNoTokenByThenHasNothingToFinishWith) {
  Make(Script(1, {1}), {.num_slots = 1});
  GenerationReply running, waiting;
  Add(MakeSequence("y", 50), running);
  auto sequence = MakeSequence("z", 50);
  sequence->finish_by = kNow + absl::Seconds(1);
  Add(std::move(sequence), waiting);
  stepper_->Step(kNow);
  stepper_->Step(kNow + absl::Seconds(1));
  EXPECT_EQ(waiting.result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(running.done());
}

TEST_F(GenerationStepperTest, NeverRunsWhatExpiredWhileWaiting) {
  Make(Script(1, {1}));
  auto sequence = MakeSequence("z", 50);
  sequence->deadline = kNow;
  GenerationReply reply;
  Add(std::move(sequence), reply);
  stepper_->Step(kNow);
  EXPECT_EQ(reply.result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(model_->batch_sizes, IsEmpty());
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kDeadline));
}

TEST_F(GenerationStepperTest, SurvivesAModelThatThrows) {
  struct Case {
    std::function<void()> fail;
    absl::StatusCode code;
    std::string message, what;
  };
  for (const Case& c :
       std::vector<Case>{{[] { throw std::bad_alloc(); }, absl::StatusCode::kResourceExhausted,
                          "the runner has no memory for this batch; retry later", "out of memory"},
                         {[] { throw std::runtime_error("secret"); }, absl::StatusCode::kInternal,
                          "the model failed on this batch", "secret"}}) {
    Make(Script(1, {1}), {.num_slots = 2});
    GenerationReply first, second, waiting;
    Add(MakeSequence("z", 4), first);
    Add(MakeSequence("z", 4), second);
    Add(MakeSequence("z", 4), waiting);
    stepper_->Step(kNow);
    model_->before_forward = c.fail;
    stepper_->Step(kNow);
    model_->before_forward = nullptr;
    for (const GenerationReply* reply : {&first, &second}) {
      EXPECT_EQ(reply->result.status().code(), c.code);
      EXPECT_EQ(reply->result.status().message(), c.message);
    }
    EXPECT_EQ(observer_.errors.back(), c.what);
    RunAll();
    EXPECT_EQ(waiting.text, "aaa");
  }
}

TEST_F(GenerationStepperTest, LogitsThatAreNotFiniteEndTheirTextAlone) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (const bool do_sample : {false, true}) {
      Make([&](const std::vector<int32_t>& tokens, std::span<float> logits) {
        logits[3] = 50;
        // After "zcc", and nowhere but at an end of the vocabulary.
        if (tokens.size() == 3 && tokens[0] == 26) logits[bad < 0 ? 0 : 31] = bad;
      });
      const int before = observer_.num_not_finite;
      GenerationReply harmed, whole;
      for (const auto& [text, reply] : {std::pair("z", &harmed), std::pair("a", &whole)}) {
        Add(MakeSequence(text, 6), *reply, do_sample ? "do_sample: true seed: 3" : "");
      }
      RunAll();
      EXPECT_EQ(whole.text, "ccccc");
      EXPECT_EQ(harmed.text, "cc");
      EXPECT_EQ(harmed.result.status().code(), absl::StatusCode::kInternal);
      EXPECT_THAT(std::string(harmed.result.status().message()),
                  HasSubstr("the model computed a logit that is not finite"));
      EXPECT_EQ(observer_.num_not_finite - before, 1);
      EXPECT_EQ(stepper_->num_running(), 0);
    }
  }
}

// Padding of the embedding is never chosen.
TEST_F(GenerationStepperTest, LogitsWithoutATextNeedNotBeFinite) {
  Make(
      [](const std::vector<int32_t>&, std::span<float> logits) {
        logits[3] = 50;
        logits.back() = NAN;
      },
      {.vocab_size = FakeTokenizer::kVocabSize + 1});
  GenerationReply reply;
  Add(MakeSequence("a", 4), reply);
  RunAll();
  EXPECT_EQ(reply.text, "ccc");
}

TEST_F(GenerationStepperTest, FailAllEndsEverything) {
  Make(Script(1, {1}), {.num_slots = 1});
  GenerationReply running, waiting;
  Add(MakeSequence("z", 50), running);
  Add(MakeSequence("z", 50), waiting);
  stepper_->Step(kNow);
  stepper_->FailAll(absl::UnavailableError("bye"));
  for (const GenerationReply* reply : {&running, &waiting}) {
    EXPECT_EQ(reply->result.status(), absl::UnavailableError("bye"));
  }
  EXPECT_FALSE(stepper_->HasWork());
  EXPECT_EQ(stepper_->num_running(), 0);
}

TEST_F(GenerationStepperTest, TellsWhatEachStepDid) {
  Make(Script(3, {1}), {.num_slots = 2}, /*max_step_tokens=*/4);
  GenerationReply first, second;
  Add(MakeSequence("xyz", 10), first);
  Add(MakeSequence("xyz", 10), second);
  stepper_->Step(kNow);
  stepper_->Step(kNow);
  ASSERT_EQ(observer_.steps.size(), 2u);
  EXPECT_EQ(observer_.steps[0].num_rows, 2);
  EXPECT_EQ(observer_.steps[0].num_tokens, 4);
  EXPECT_EQ(observer_.steps[0].num_prompt_tokens, 4);
  EXPECT_EQ(observer_.steps[0].num_generated_tokens, 1);
  EXPECT_EQ(observer_.steps[0].limited_by, StepLimit::kTokens);
  EXPECT_EQ(observer_.steps[1].num_tokens, 3);  // A decode, and the rest of the prompt.
  EXPECT_EQ(observer_.steps[1].num_prompt_tokens, 2);
  EXPECT_EQ(observer_.steps[1].num_generated_tokens, 2);
  EXPECT_EQ(observer_.steps[1].limited_by, StepLimit::kNothing);
}

TEST_F(GenerationStepperTest, TellsATextItsTimesAndCompany) {
  Make(Script(3, {1}), {.num_slots = 2}, /*max_step_tokens=*/4);
  std::vector<absl::Time> passes;
  model_->before_forward = [&] { passes.push_back(absl::Now()); };
  const absl::Time arrived_at = absl::Now() - absl::Seconds(10);
  GenerationReply first, second;
  Add(MakeSequence("xyz", 4), first, "", arrived_at);
  Add(MakeSequence("xyz", 6), second, "", arrived_at);
  RunAll();
  const absl::Time end = absl::Now();
  // Three of the first's prompt and one of the second's; the rest of that; two tokens of it alone.
  EXPECT_THAT(model_->batch_sizes, ElementsAre(2, 1, 1, 1));
  const chorus::v1::GenerationTiming& timing = second.result->timing();
  const double queue = timing.queue_seconds();
  const double prefill_end = queue + timing.prefill_seconds();
  const auto seconds = [](absl::Duration duration) { return absl::ToDoubleSeconds(duration); };
  EXPECT_EQ(timing.mean_batch_size(), 1.25);
  EXPECT_EQ(timing.max_batch_size(), 2u);
  EXPECT_GE(queue, 10);
  EXPECT_LE(queue, seconds(passes[0] - arrived_at));
  EXPECT_GE(prefill_end, seconds(passes[1] - arrived_at));
  EXPECT_LE(prefill_end, seconds(passes[2] - arrived_at));
  EXPECT_GE(timing.decode_seconds(), seconds(passes[3] - passes[2]));
  EXPECT_LE(prefill_end + timing.decode_seconds(), seconds(end - arrived_at));
  EXPECT_EQ(first.result->timing().decode_seconds(), 0);
  EXPECT_EQ(first.result->timing().mean_batch_size(), 2);
}

TEST_F(GenerationStepperTest, TellsWhyAStepHeldWhatItHeld) {
  Make(Script(20, {1}), {.num_slots = 4}, /*max_step_tokens=*/100, /*kv_cache_bytes=*/48);
  const std::string prompt = "abcdefghijklmnopqrst";
  std::deque<GenerationReply> replies(3);
  Add(MakeSequence(prompt, 40), replies[0]);
  stepper_->Step(kNow);
  for (int i = 1; i < 3; ++i) Add(MakeSequence(prompt, 40), replies[i]);
  stepper_->Step(kNow);
  StepStats stats = observer_.steps.back();
  EXPECT_EQ(stats.num_rows, 2);
  EXPECT_EQ(stats.num_decode_rows, 1);
  EXPECT_EQ(stats.num_shared_tokens, 19);
  EXPECT_EQ(stats.num_prompt_tokens, 1);
  EXPECT_EQ(stats.num_running, 2);
  EXPECT_EQ(stats.num_waiting, 1);
  EXPECT_EQ(stats.num_kv_tokens, 41);
  EXPECT_EQ(stats.limited_by, StepLimit::kKvBytes);
  EXPECT_NEAR(stepper_->kv_used_ratio(), 41.0 / 48, 1e-9);
  EXPECT_EQ(stepper_->kv_capacity(), 48);
  while (NumPreempted() == 0) stepper_->Step(kNow);
  stats = observer_.steps.back();
  EXPECT_EQ(stats.num_running, 1);
  EXPECT_EQ(stats.num_waiting, 2);
  EXPECT_EQ(stats.limited_by, StepLimit::kKvBytes);
  RunAll();
  for (const GenerationReply& reply : replies) {
    EXPECT_EQ(reply.text, std::string(20, 'a'));
    EXPECT_EQ(reply.num_delta_tokens, 20u);  // None was delivered twice.
  }
  EXPECT_EQ(stepper_->kv_used_ratio(), 0);
}

TEST_F(GenerationStepperTest, CountsACancelledTextThatHadGivenUpItsSlotAsOneThatRan) {
  Make(Script(20, {1}), {.num_slots = 4}, /*max_step_tokens=*/100, /*kv_cache_bytes=*/48);
  GenerationReply first, second;
  Add(MakeSequence("abcdefghijklmnopqrst", 40), first);
  auto sequence = MakeSequence("tsrqponmlkjihgfedcba", 40);
  sequence->deadline = kNow + absl::Seconds(1);
  Add(std::move(sequence), second);
  while (NumPreempted() == 0) stepper_->Step(kNow);
  stepper_->Step(kNow + absl::Seconds(1));
  EXPECT_EQ(second.result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(observer_.rejected, IsEmpty());
}

TEST_F(GenerationStepperTest, RefusesOptionsOutOfRange) {
  const auto create = [&](const GenerationStepper::Options& options, int vocab_size = 32) {
    const auto stepper = GenerationStepper::Create(
        std::make_unique<FakeLanguageModel>(FakeLanguageModel::Options{.vocab_size = vocab_size},
                                            HashLogits),
        tokenizer_, observer_, options);
    return std::string(stepper.status().message());
  };
  EXPECT_EQ(create({.bos_token_id = 40}, 40), "bos_token_id must be below 40: 40");
  EXPECT_EQ(create({.kv_cache_bytes = 1}),
            "kv_cache_bytes must be at least 2, a block of 2 tokens, or 0 for no cap: 1");
  EXPECT_THAT(create({.schedule = {.max_step_tokens = 3}}),
              ::testing::HasSubstr("max_step_tokens must be at least"));
}

TEST_F(GenerationStepperTest, RunsModelAndSamplersOnAsManyThreadsAsItIsTold) {
  Make(Script(1, {1}));
  stepper_->set_num_threads(1);
  EXPECT_EQ(model_->num_threads, 1);
}

}  // namespace
}  // namespace chorus::runner
