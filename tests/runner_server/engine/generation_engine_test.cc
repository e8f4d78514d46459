#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/error_details.h"
#include "base/string_view.h"
#include "runner_server/engine/generation_stepper.h"
#include "tests/base/parse_proto.h"
#include "tests/runner_server/engine/fake_language_model.h"
#include "tests/runner_server/engine/fake_tokenizer.h"
#include "tests/runner_server/engine/generation_reply.h"
#include "tests/runner_server/engine/recording_observer.h"

namespace chorus::runner {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

constexpr char kEndless[] = "max_new_tokens: 2000000000";

// With `params`, as text; greedy where they do not say.
runner::v1::GenerateRequest Request(const std::string& text, const std::string& params = "") {
  runner::v1::GenerateRequest request;
  request.set_text(text);
  request.mutable_params()->set_do_sample(false);
  request.mutable_params()->MergeFrom(ParseProto<chorus::v1::GenerationParams>(params));
  return request;
}

// An engine with its threads, over a fake model.
class GenerationEngineTest : public ::testing::Test {
 protected:
  void Make(FakeLanguageModel::Logits logits, FakeLanguageModel::Options model_options = {},
            const QueueBudget::Options& queue = {},
            const GenerationStepper::Options& options = {.num_threads = 2,
                                                         .bos_token_id = FakeTokenizer::kEnd,
                                                         .eos_token_ids = {FakeTokenizer::kEnd}}) {
    auto model = std::make_unique<FakeLanguageModel>(model_options, std::move(logits));
    model_ = model.get();
    if (hold_model_) model_->before_forward = [this] { gate_.Take(); };
    auto stepper = *GenerationStepper::Create(std::move(model), tokenizer_, observer_, options);
    engine_ = std::make_unique<GenerationEngine>(std::move(stepper), observer_,
                                                 Engine::Options{.queue = queue});
  }

  absl::Status Submit(runner::v1::GenerateRequest request, GenerationReply& reply,
                      absl::Time deadline = absl::InfiniteFuture(), std::stop_token stop = {}) {
    return engine_->Submit(std::move(request), deadline, std::move(stop), reply.callbacks());
  }

  // Lets the engine run one step, where hold_model_ was set; or all that will come.
  void LetOneStepRun() {
    bool step = true;
    gate_.TryPush(step);
  }
  void LetAllStepsRun() { gate_.Close(); }

  FakeTokenizer tokenizer_;
  RecordingObserver observer_;
  bool hold_model_ = false;
  Mailbox<bool> gate_;
  FakeLanguageModel* model_ = nullptr;  // The engine's.
  std::unique_ptr<GenerationEngine> engine_;
};

TEST_F(GenerationEngineTest, WritesAText) {
  Make(Script(2, {3, 1, 20, FakeTokenizer::kEnd}));
  GenerationReply reply;
  ASSERT_TRUE(Submit(Request("ab"), reply).ok());
  reply.Wait();
  EXPECT_EQ(reply.text, "cat");
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_STOP);
  EXPECT_NE(reply.thread, std::this_thread::get_id());
}

TEST_F(GenerationEngineTest, PassesOnWhatATextIsToBe) {
  Make(Script(2, {3, FakeTokenizer::kEnd, 1, 20, 5, 1}));
  GenerationReply reply;
  ASSERT_TRUE(Submit(Request("ab", "stop: 'te' ignore_eos: true logprobs: 1"), reply).ok());
  reply.Wait();
  EXPECT_EQ(reply.text, "ca");
  EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_STOP_STRING);
  EXPECT_EQ(reply.logprobs.size(), 5u);
}

TEST_F(GenerationEngineTest, CountsTheTimeInTheQueue) {
  hold_model_ = true;
  Make(Script(1, {1}), {.num_slots = 1});
  GenerationReply first, second;
  const auto request = Request("z", "max_length: 3");
  ASSERT_TRUE(Submit(request, first).ok());
  const absl::Time before = absl::Now();
  ASSERT_TRUE(Submit(request, second).ok());
  const absl::Time submitted = absl::Now();
  while (engine_->load().queued_sequences() != 1) std::this_thread::yield();
  const absl::Time released = absl::Now();
  LetAllStepsRun();
  second.Wait();
  const chorus::v1::GenerationTiming& timing = second.result->timing();
  EXPECT_GE(timing.queue_seconds(), absl::ToDoubleSeconds(released - submitted));
  EXPECT_LE(timing.queue_seconds() + timing.prefill_seconds() + timing.decode_seconds(),
            absl::ToDoubleSeconds(absl::Now() - before));
  EXPECT_EQ(timing.max_batch_size(), 1u);
}

TEST_F(GenerationEngineTest, StartsAnEmptyTextFromBos) {
  std::vector<int32_t> seen;
  Make([&](const std::vector<int32_t>& tokens, std::span<float> logits) {
    seen = tokens;
    logits[FakeTokenizer::kEnd] = 1;
  });
  GenerationReply reply;
  ASSERT_TRUE(Submit(Request(""), reply).ok());
  reply.Wait();
  EXPECT_THAT(seen, ElementsAre(FakeTokenizer::kEnd));
  EXPECT_EQ(reply.result->prompt_tokens(), 1u);
}

TEST_F(GenerationEngineTest, TakesThePromptsTokensAsTheyAre) {
  std::vector<int32_t> seen;
  Make([&](const std::vector<int32_t>& tokens, std::span<float> logits) {
    seen = tokens;
    logits[FakeTokenizer::kEnd] = 1;
  });
  runner::v1::GenerateRequest request = Request("");
  for (const int32_t id : {8, FakeTokenizer::kEnd, 9, int32_t{FakeTokenizer::kSmile}}) {
    request.add_prompt_ids(id);
  }
  GenerationReply reply;
  ASSERT_TRUE(Submit(request, reply).ok());
  reply.Wait();
  EXPECT_THAT(seen, ElementsAre(8, FakeTokenizer::kEnd, 9, FakeTokenizer::kSmile));
  EXPECT_EQ(reply.result->prompt_tokens(), 4u);
  EXPECT_EQ(reply.result->prompt(), "hi\uFFFD");

  GenerationReply refused;
  request.add_prompt_ids(FakeTokenizer::kVocabSize);
  ASSERT_TRUE(Submit(request, refused).ok());
  refused.Wait();
  EXPECT_EQ(std::string(refused.result.status().message()), "prompt_ids[4] must be 0 to 31: 32");
  request.set_text("a");
  EXPECT_FALSE(Submit(request, refused).ok());
}

TEST_F(GenerationEngineTest, EndsWhereTheRequestSays) {
  struct Case {
    std::string params;
    uint32_t num_generated;
  };
  Make(Script(2, {1}), {.context_size = 20});
  for (const Case& c : std::vector<Case>{{"max_length: 5", 3},
                                         {"max_new_tokens: 5", 5},
                                         {"max_length: 5 max_new_tokens: 7", 7},
                                         {"", 18},
                                         {"max_new_tokens: 0 prompt_logprobs: true", 0},
                                         {"max_new_tokens: 1000", 18}}) {
    GenerationReply reply;
    ASSERT_TRUE(Submit(Request("ab", c.params), reply).ok());
    reply.Wait();
    EXPECT_EQ(reply.result->generated_tokens(), c.num_generated);
    EXPECT_EQ(reply.result->reason(), chorus::v1::FINISH_REASON_LENGTH);
  }
}

TEST_F(GenerationEngineTest, ACallTakesTheModelsDefaults) {
  const auto write = [&](const chorus::v1::GenerationParams& defaults, const std::string& params) {
    Make(HashLogits, {}, {}, {.defaults = defaults});
    runner::v1::GenerateRequest request;
    request.set_text("hello");
    *request.mutable_params() = ParseProto<chorus::v1::GenerationParams>(params);
    GenerationReply reply;
    EXPECT_TRUE(Submit(request, reply).ok());
    reply.Wait();
    return reply.text;
  };
  const auto greedy = ParseProto<chorus::v1::GenerationParams>("do_sample: false");
  const auto cold = ParseProto<chorus::v1::GenerationParams>("temperature: 0.3 top_k: 5");
  EXPECT_EQ(write(greedy, "seed: 3"), write({}, "seed: 3 do_sample: false"));
  EXPECT_EQ(write(cold, "seed: 3"), write({}, "seed: 3 temperature: 0.3 top_k: 5"));
  EXPECT_EQ(write(cold, "seed: 3 top_k: 9"), write({}, "seed: 3 temperature: 0.3 top_k: 9"));
  EXPECT_EQ(write(greedy, "seed: 3 do_sample: true"), write({}, "seed: 3"));
  EXPECT_NE(write(greedy, "seed: 3"), write({}, "seed: 3"));
}

TEST_F(GenerationEngineTest, RefusesASecondTextThatWouldBeTheSame) {
  Make(HashLogits, {}, {},
       {.defaults = ParseProto<chorus::v1::GenerationParams>("do_sample: false")});
  runner::v1::GenerateRequest request;
  request.set_text("hello");
  GenerationReply first, second, sampled;
  EXPECT_TRUE(Submit(request, first).ok());
  request.set_sequence(1);
  EXPECT_THAT(std::string(Submit(request, second).message()),
              ::testing::HasSubstr("num_return_sequences must be 1"));
  request.mutable_params()->set_do_sample(true);
  EXPECT_TRUE(Submit(request, sampled).ok());
  first.Wait();
  sampled.Wait();
}

TEST_F(GenerationEngineTest, TellsDefaultsAndEndTokens) {
  Make(HashLogits, {}, {},
       {.eos_token_ids = {3, 7},
        .defaults = ParseProto<chorus::v1::GenerationParams>("temperature: 0.5")});
  EXPECT_EQ(engine_->info().defaults().temperature(), 0.5);
  EXPECT_FALSE(engine_->info().defaults().has_top_k());
  EXPECT_THAT(engine_->info().end_token_ids(), ::testing::ElementsAre(3, 7));
}

TEST_F(GenerationEngineTest, RefusesWhatIsOutOfRangeAtOnce) {
  struct Case {
    std::string text, params, message;
  };
  Make(HashLogits, {}, {}, {.bos_token_id = -1});
  for (const Case& c : std::vector<Case>{
           {"a", "top_p: 2 min_p: 2", "top_p must be greater than 0 and at most 1: 2"},
           {"a", "stop: 'a' stop: ''", "stop[1] must have 1 to 1024 bytes: 0"},
           {"a", "max_length: 65", "max_length must be at most 64: 65"},
           {"", "", "text must not be empty: the model has no BOS token to start from"}}) {
    GenerationReply reply;
    const absl::Status status = Submit(Request(c.text, c.params), reply);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(StdView(status.message()), c.message);
    EXPECT_FALSE(reply.done());
  }
}

TEST_F(GenerationEngineTest, RefusesAPromptThatLeavesNoRoom) {
  Make(HashLogits);
  GenerationReply reply;
  ASSERT_TRUE(Submit(Request(std::string(30, 'a'), "max_length: 30"), reply).ok());
  reply.Wait();
  EXPECT_THAT(std::string(reply.result.status().message()),
              testing::StartsWith("the prompt has 30 tokens, max_length is 30 "));
  EXPECT_NE(reply.thread, std::this_thread::get_id());
}

// Whose logits are as many as its rows, also where it samples.
TEST_F(GenerationEngineTest, RefusesATextWithATokenThatTheModelHasNoRowFor) {
  Make(HashLogits, {.vocab_size = 20});
  GenerationReply taken, refused;
  ASSERT_TRUE(Submit(Request("abs", "do_sample: true top_k: 0 logprobs: 20"), taken).ok());
  taken.Wait();
  EXPECT_TRUE(taken.result.ok()) << taken.result.status();
  ASSERT_TRUE(Submit(Request("abz"), refused).ok());
  refused.Wait();
  EXPECT_EQ(refused.result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.result.status().message()),
              testing::StartsWith("the token \"z\" has id 26, and the model's embedding ends "
                                  "before 20 (vocab_size in config.json)"));
}

TEST_F(GenerationEngineTest, RefusesATextThatTheTokenizerDoes) {
  Make(HashLogits);
  GenerationReply refused, taken;
  ASSERT_TRUE(Submit(Request("a#"), refused).ok());
  refused.Wait();
  EXPECT_EQ(refused.result.status(),
            WithField(absl::InvalidArgumentError("text: the fake refuses it"), "text"));
  ASSERT_TRUE(Submit(Request("a", "max_length: 3"), taken).ok());
  taken.Wait();
  EXPECT_TRUE(taken.result.ok()) << taken.result.status();
}

TEST_F(GenerationEngineTest, RefusesWhatComesTooLate) {
  Make(HashLogits);
  GenerationReply reply;
  EXPECT_EQ(Submit(Request("a"), reply, absl::Now()).code(), absl::StatusCode::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Submit(Request("a"), reply, absl::InfiniteFuture(), stop.get_token()).code(),
            absl::StatusCode::kCancelled);
  EXPECT_FALSE(reply.done());
  engine_.reset();
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kDeadline));
}

TEST_F(GenerationEngineTest, RefusesMoreThanTheQueueHolds) {
  hold_model_ = true;
  Make(Script(1, {1}), {.num_slots = 1}, {.max_calls = 2});
  std::deque<GenerationReply> replies(4);
  const auto request = Request("z", "max_length: 3");
  ASSERT_TRUE(Submit(request, replies[0]).ok());
  while (engine_->load().queued_sequences() > 0) std::this_thread::yield();  // It has the slot.
  ASSERT_TRUE(Submit(request, replies[1]).ok());
  ASSERT_TRUE(Submit(request, replies[2]).ok());
  const absl::Status full = Submit(request, replies[3]);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  LetAllStepsRun();
  for (int i = 0; i < 3; ++i) replies[i].Wait();
  EXPECT_EQ(replies[2].text, "aa");
  engine_.reset();
  EXPECT_FALSE(replies[3].done());
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kQueue));
}

TEST_F(GenerationEngineTest, RefusesMoreTokensThanTheQueueHolds) {
  hold_model_ = true;
  Make(Script(1, {1}), {.num_slots = 1}, {.max_tokens = 50});
  std::deque<GenerationReply> replies(3);
  const auto request = Request("z", "max_length: 30");
  ASSERT_TRUE(Submit(request, replies[0]).ok());
  while (engine_->load().queued_sequences() > 0) std::this_thread::yield();
  ASSERT_TRUE(Submit(request, replies[1]).ok());
  ASSERT_TRUE(Submit(request, replies[2]).ok());
  replies[2].Wait();
  EXPECT_EQ(replies[2].result.status().code(), absl::StatusCode::kResourceExhausted);
  LetAllStepsRun();
  replies[1].Wait();
  EXPECT_TRUE(replies[1].result.ok());
  engine_.reset();
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kTokens));
}

TEST_F(GenerationEngineTest, TellsItsLoad) {
  hold_model_ = true;
  Make(Script(1, {1}), {.num_slots = 2});
  std::deque<GenerationReply> replies(3);
  const auto submit = [&](int i) {
    ASSERT_TRUE(Submit(Request("z", "max_length: 10"), replies[i]).ok());
  };
  const auto wait_for = [&](uint32_t running, uint64_t queued_tokens) {
    runner::v1::GetLoadResponse load;
    do {
      load = engine_->load();
    } while (load.running_sequences() != running || load.queued_tokens() != queued_tokens);
    return load;
  };
  submit(0);
  wait_for(1, 0);
  submit(1);
  submit(2);
  wait_for(1, 20);  // Both have been tokenized.
  for (int step = 0; step < 2; ++step) LetOneStepRun();
  const runner::v1::GetLoadResponse load = wait_for(2, 10);
  EXPECT_EQ(load.queued_sequences(), 1u);
  EXPECT_EQ(load.kv_cache_used_ratio(), 1.0);
  LetAllStepsRun();
  for (GenerationReply& reply : replies) reply.Wait();
  EXPECT_EQ(engine_->load().running_sequences(), 0u);
  EXPECT_EQ(engine_->load().queued_tokens(), 0u);
}

TEST_F(GenerationEngineTest, RefusesAPromptTheKvCacheHasNoMemoryFor) {
  Make(Script(2, {1}), {}, {}, {.kv_cache_bytes = 30, .bos_token_id = FakeTokenizer::kEnd});
  GenerationReply too_long, as_long_as_it_gets;
  ASSERT_TRUE(Submit(Request(std::string(30, 'a')), too_long).ok());
  too_long.Wait();
  EXPECT_EQ(too_long.result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(too_long.result.status().message(),
            "the prompt has 30 tokens, the runner's KV cache has memory for 30 "
            "(--kv_cache_bytes): shorten the prompt");
  ASSERT_TRUE(Submit(Request("ab"), as_long_as_it_gets).ok());
  as_long_as_it_gets.Wait();
  EXPECT_EQ(as_long_as_it_gets.result->generated_tokens(), 28u);
}

TEST_F(GenerationEngineTest, StopsDecodingAtTheDeadline) {
  Make(Script(1, {1}), {.context_size = std::numeric_limits<int>::max()});
  GenerationReply reply;
  ASSERT_TRUE(Submit(Request("z", kEndless), reply, absl::Now() + absl::Milliseconds(20)).ok());
  reply.Wait();
  EXPECT_EQ(reply.result.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(GenerationEngineTest, StopsDecodingWhenCancelled) {
  Make(Script(1, {1}), {.context_size = std::numeric_limits<int>::max()});
  GenerationReply reply, after;
  std::stop_source stop;
  Mailbox<bool> first_delta;
  GenerationStepper::Callbacks callbacks = reply.callbacks();
  callbacks.on_delta = [&](const chorus::v1::TextDelta&) {
    bool came = true;
    first_delta.TryPush(came);
  };
  ASSERT_TRUE(engine_
                  ->Submit(Request("z", kEndless), absl::InfiniteFuture(), stop.get_token(),
                           std::move(callbacks))
                  .ok());
  first_delta.Take();
  stop.request_stop();
  reply.Wait();
  EXPECT_EQ(reply.result.status().code(), absl::StatusCode::kCancelled);
  engine_.reset();
  EXPECT_EQ(observer_.cancelled.size(), 1u);
}

TEST_F(GenerationEngineTest, DrainsWhatItHasAccepted) {
  hold_model_ = true;
  Make(Script(1, {1}), {.num_slots = 1});
  std::deque<GenerationReply> replies(5);
  const auto request = Request("z", "max_length: 4");
  for (GenerationReply& reply : replies) ASSERT_TRUE(Submit(request, reply).ok());
  engine_->Drain(absl::InfiniteFuture());
  GenerationReply late;
  EXPECT_EQ(Submit(request, late).code(), absl::StatusCode::kUnavailable);
  LetAllStepsRun();
  engine_->Join();
  for (const GenerationReply& reply : replies) {
    ASSERT_TRUE(reply.done());
    EXPECT_EQ(reply.text, "aaa");
  }
  EXPECT_FALSE(late.done());
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kDraining));
}

TEST_F(GenerationEngineTest, EndsTheRestWhenTheDrainIsOver) {
  Make(Script(1, {1}), {.context_size = std::numeric_limits<int>::max(), .num_slots = 1},
       {.max_tokens = std::numeric_limits<int64_t>::max()});
  std::deque<GenerationReply> replies(3);
  for (GenerationReply& reply : replies) {
    ASSERT_TRUE(Submit(Request("z", kEndless), reply).ok());
  }
  engine_->Drain(absl::InfiniteFuture());
  engine_->Drain(absl::Now() + absl::Milliseconds(10));  // Brings the end nearer.
  engine_->Join();
  for (const GenerationReply& reply : replies) {
    EXPECT_EQ(reply.result.status(),
              absl::UnavailableError("the runner is shutting down; retry at another one"));
  }
}

TEST_F(GenerationEngineTest, WarmsUp) {
  Make(HashLogits, {.context_size = 16});
  EXPECT_TRUE(engine_->WarmUp().ok());
  engine_.reset();
  EXPECT_FALSE(observer_.steps.empty());
}

// Callers come, cancel and expire from many threads at once; each is answered exactly once, and
// whoever gets a whole text gets the right one.
TEST_F(GenerationEngineTest, AnswersEveryCallerOnceUnderChurn) {
  Make(HashLogits, {.num_slots = 3}, {.max_calls = 20},
       {.schedule = {.max_step_tokens = 8}, .eos_token_ids = {FakeTokenizer::kEnd}});
  const auto request = Request("hello", "do_sample: true seed: 3 max_length: 40");
  GenerationReply expected;
  ASSERT_TRUE(Submit(request, expected).ok());
  expected.Wait();
  constexpr int kThreads = 4;
  constexpr int kRequests = 60;
  std::vector<std::deque<GenerationReply>> replies(kThreads);
  std::vector<std::deque<bool>> accepted(kThreads);
  std::vector<std::thread> callers;
  for (int t = 0; t < kThreads; ++t) {
    callers.emplace_back([&, t] {
      std::vector<std::stop_source> stops(kRequests);
      for (int i = 0; i < kRequests; ++i) {
        GenerationReply& reply = replies[t].emplace_back();
        const absl::Time deadline =
            i % 5 == 1 ? absl::Now() + absl::Microseconds(300) : absl::InfiniteFuture();
        accepted[t].push_back(Submit(request, reply, deadline, stops[i].get_token()).ok());
        if (i % 3 == 0) stops[i / 2].request_stop();
        if (i % 10 == 9 && accepted[t].back()) reply.Wait();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  engine_->Drain(absl::InfiniteFuture());
  engine_->Join();
  int num_whole = 0;
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kRequests; ++i) {
      const GenerationReply& reply = replies[t][i];
      EXPECT_EQ(reply.done(), accepted[t][i]);
      if (!reply.done() || !reply.result.ok()) continue;
      EXPECT_EQ(reply.text, expected.text);
      ++num_whole;
    }
  }
  EXPECT_GT(num_whole, 0);
  EXPECT_EQ(engine_->load().queued_sequences(), 0u);
  EXPECT_EQ(engine_->load().running_sequences(), 0u);
}

}  // namespace
}  // namespace chorus::runner
