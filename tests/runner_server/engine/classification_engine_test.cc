#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/error_details.h"
#include "runner_server/engine/encoder_stepper.h"
#include "runner_server/engine/mailbox.h"
#include "tests/runner_server/engine/fake_encoder.h"
#include "tests/runner_server/engine/fake_tokenizer.h"
#include "tests/runner_server/engine/recording_observer.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

runner::v1::ClassifyRequest Request(const std::vector<std::string>& texts) {
  runner::v1::ClassifyRequest request;
  for (const std::string& text : texts) request.add_texts(text);
  return request;
}

// The end of one call. Must outlive it.
struct Reply {
  ClassificationStepper::Callbacks callbacks() {
    return {.on_done = [this](absl::StatusOr<runner::v1::ClassifyResponse> done) {
      end.TryPush(done);
    }};
  }
  absl::StatusOr<runner::v1::ClassifyResponse> Wait() { return *end.Take(); }

  Mailbox<absl::StatusOr<runner::v1::ClassifyResponse>> end;
};

class ClassificationEngineTest : public ::testing::Test {
 protected:
  void Make(const ClassificationStepper::Options& options = {},
            const QueueBudget::Options& queue = {}) {
    auto model = std::make_unique<FakeEncoder>();
    model_ = model.get();
    if (hold_model_) model->before_forward = [this] { gate_.Take(); };
    auto stepper = *ClassificationStepper::Create(std::move(model), tokenizer_, observer_, options);
    engine_ = std::make_unique<ClassificationEngine>(std::move(stepper), observer_,
                                                     Engine::Options{.queue = queue});
  }

  absl::Status Submit(const std::vector<std::string>& texts, Reply& reply,
                      absl::Time deadline = absl::InfiniteFuture(), std::stop_token stop = {}) {
    return engine_->Submit(Request(texts), deadline, std::move(stop), reply.callbacks());
  }
  // Submits, and waits for the end.
  absl::StatusOr<runner::v1::ClassifyResponse> Classify(runner::v1::ClassifyRequest request) {
    Reply reply;
    if (absl::Status status = engine_->Submit(std::move(request), absl::InfiniteFuture(),
                                              std::stop_token(), reply.callbacks());
        !status.ok()) {
      return status;
    }
    return reply.Wait();
  }

  FakeTokenizer tokenizer_;
  RecordingObserver observer_;
  bool hold_model_ = false;
  Mailbox<bool> gate_;            // Close() lets the model run.
  FakeEncoder* model_ = nullptr;  // The engine's.
  std::unique_ptr<ClassificationEngine> engine_;
};

TEST_F(ClassificationEngineTest, ClassifiesEachText) {
  Make();
  Reply reply;
  ASSERT_TRUE(Submit({"ab", "c", std::string(40, 'a')}, reply).ok());
  const absl::StatusOr<runner::v1::ClassifyResponse> results = reply.Wait();
  ASSERT_TRUE(results.ok());
  ASSERT_EQ(results->results_size(), 3);
  EXPECT_EQ(results->results(0).num_tokens(), 2u);
  EXPECT_EQ(results->results(1).num_tokens(), 1u);
  EXPECT_EQ(results->results(0).text_tokens(), 2u);
  EXPECT_EQ(results->results(2).num_tokens(), 16u);  // Cut at the context.
  EXPECT_EQ(results->results(2).text_tokens(), 40u);
  EXPECT_THAT(results->results(2).scores(), ElementsAre(0.5, 0.5));
  EXPECT_THAT(results->labels(), ElementsAre("LENGTH", "SUM"));
  EXPECT_THAT(engine_->info().labels(), ElementsAre("LENGTH", "SUM"));
}

TEST_F(ClassificationEngineTest, CutsWhereTheTokenizerSaysIfThatIsLessThanTheContext) {
  Make({.max_text_tokens = 3});
  EXPECT_EQ(engine_->info().context_size(), 3u);
  const auto results = Classify(Request({"abc", "abcz"}));
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->results(0).text_tokens(), 3u);
  EXPECT_EQ(results->results(1).num_tokens(), 3u);
  EXPECT_EQ(results->results(1).text_tokens(), 4u);
  EXPECT_THAT(results->results(1).scores(), ElementsAreArray(results->results(0).scores()));
  Make({.max_text_tokens = 1000});
  EXPECT_EQ(engine_->info().context_size(), 16u);
  EXPECT_EQ(ClassificationStepper::Create(std::make_unique<FakeEncoder>(), tokenizer_, observer_,
                                          {.max_text_tokens = 1})
                .status()
                .message(),
            "max_text_tokens must be at least 2: 1");
}

TEST_F(ClassificationEngineTest, RefusesATextWithATokenThatTheModelHasNoRowFor) {
  Make();
  model_->num_rows = 20;
  EXPECT_TRUE(Classify(Request({"abs"})).ok());
  const absl::Status refused = Classify(Request({"abs", "abz"})).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()),
              testing::StartsWith("texts[1]: the token \"z\" has id 26, and the model's embedding "
                                  "ends before 20 (vocab_size in config.json)"));
}

TEST_F(ClassificationEngineTest, RefusesToCutWhereTheCallerSaysSo) {
  Make();
  const std::string longest(16, 'a');
  runner::v1::ClassifyRequest fits = Request({longest, "b"});
  runner::v1::ClassifyRequest does_not = Request({longest, longest + "a"});
  fits.set_refuse_truncation(true);
  does_not.set_refuse_truncation(true);
  EXPECT_TRUE(Classify(fits).ok());
  const absl::Status refused = Classify(does_not).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.message(),
            "texts[1] has 17 tokens and the model reads at most 16: shorten it, or allow that it "
            "is cut");
  EXPECT_EQ(engine_->load().queued_sequences(), 0u);
}

TEST_F(ClassificationEngineTest, ReadsSpecialTokensAsCharactersWhereTheCallerSaysSo) {
  Make();
  runner::v1::ClassifyRequest as_characters = Request({"a?", "a "});
  as_characters.set_split_special_tokens(true);
  const auto special = Classify(Request({"a?"}));
  const auto split = Classify(as_characters);
  ASSERT_TRUE(special.ok() && split.ok());
  EXPECT_NE(split->results(0).scores(1), special->results(0).scores(1));
  EXPECT_EQ(split->results(0).scores(1), split->results(1).scores(1));
}

// The fake tokenizer has no frame: a pair is its texts, of types 0 and 1.
TEST_F(ClassificationEngineTest, ReadsPairsAndCutsTheLongerTextFirst) {
  Make();
  runner::v1::ClassifyRequest pairs = Request({"ab", std::string(14, 'a'), std::string(20, 'a')});
  for (const char* second : {"c", "bbbb", "b"}) pairs.add_text_pairs(second);
  const auto results = Classify(pairs);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->results(0).num_tokens(), 3u);
  EXPECT_EQ(results->results(1).num_tokens(), 16u);
  EXPECT_EQ(results->results(1).text_tokens(), 18u);
  EXPECT_EQ(results->results(2).num_tokens(), 16u);
  runner::v1::ClassifyRequest raw = pairs;
  raw.set_score_kind(chorus::v1::SCORE_KIND_RAW);
  const auto values = Classify(raw);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(values->score_kind(), chorus::v1::SCORE_KIND_RAW);
  EXPECT_FLOAT_EQ(values->results(0).scores(1), (1 + 2 + 3 + 1) / 10.f);
  EXPECT_FLOAT_EQ(values->results(1).scores(1), (12 * 1 + 4 * 2 + 4) / 10.f);
  EXPECT_FLOAT_EQ(values->results(2).scores(1), (15 * 1 + 2 + 1) / 10.f);

  pairs.set_refuse_truncation(true);
  EXPECT_EQ(Classify(pairs).status().code(), absl::StatusCode::kInvalidArgument);
  pairs.mutable_text_pairs()->RemoveLast();
  EXPECT_EQ(Classify(pairs).status(),
            FieldError("text_pairs", "must be empty or hold as many as texts, 3: 2"));
}

// As transformers, which passes token types to models that have them.
TEST_F(ClassificationEngineTest, TellsNoTypesToAModelWithoutThem) {
  Make();
  model_->types = 1;
  runner::v1::ClassifyRequest pair = Request({"ab"});
  pair.add_text_pairs("c");
  pair.set_score_kind(chorus::v1::SCORE_KIND_RAW);
  const auto results = Classify(pair);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_FLOAT_EQ(results->results(0).scores(1), (1 + 2 + 3) / 10.f);
}

TEST_F(ClassificationEngineTest, CountsTheTimeInTheQueue) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}});
  Reply first, second;
  ASSERT_TRUE(Submit({"a"}, first).ok());
  while (engine_->load().running_sequences() == 0) std::this_thread::yield();
  const absl::Time before = absl::Now();
  ASSERT_TRUE(Submit({"b", "c"}, second).ok());
  const absl::Time submitted = absl::Now();
  const absl::Time released = absl::Now();
  gate_.Close();
  const absl::StatusOr<runner::v1::ClassifyResponse> results = second.Wait();
  ASSERT_TRUE(results.ok());
  EXPECT_GE(results->queue_seconds(), absl::ToDoubleSeconds(released - submitted));
  EXPECT_LE(results->queue_seconds() + results->compute_seconds(),
            absl::ToDoubleSeconds(absl::Now() - before));
  EXPECT_EQ(results->max_batch_size(), 1u);
}

TEST_F(ClassificationEngineTest, RefusesNoTextAndLateCalls) {
  Make();
  Reply reply;
  EXPECT_EQ(Submit({}, reply).message(), "texts must hold 1 to 1024 texts: 0");
  EXPECT_EQ(Submit(std::vector<std::string>(1025), reply).message(),
            "texts must hold 1 to 1024 texts: 1025");
  EXPECT_EQ(Submit({"a"}, reply, absl::Now()).code(), absl::StatusCode::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Submit({"a"}, reply, absl::InfiniteFuture(), stop.get_token()).code(),
            absl::StatusCode::kCancelled);
}

TEST_F(ClassificationEngineTest, RefusesMoreCallsThanTheQueueHolds) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}}, {.max_calls = 1});
  std::deque<Reply> replies(3);
  ASSERT_TRUE(Submit({"a"}, replies[0]).ok());
  while (engine_->load().running_sequences() == 0) std::this_thread::yield();
  ASSERT_TRUE(Submit({"a", "b"}, replies[1]).ok());
  EXPECT_EQ(engine_->load().queued_sequences(), 2u);
  EXPECT_EQ(Submit({"a", "b"}, replies[2]).code(), absl::StatusCode::kResourceExhausted);
  gate_.Close();
  EXPECT_TRUE(replies[1].Wait().ok());
  engine_.reset();
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kQueue));
}

TEST_F(ClassificationEngineTest, RefusesMoreTokensThanTheQueueHolds) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}}, {.max_tokens = 6});
  std::deque<Reply> replies(4);
  ASSERT_TRUE(Submit({"a"}, replies[0]).ok());
  while (engine_->load().running_sequences() == 0) std::this_thread::yield();
  ASSERT_TRUE(Submit({"abc"}, replies[1]).ok());
  ASSERT_TRUE(Submit({"abc"}, replies[2]).ok());
  ASSERT_TRUE(Submit({"abc"}, replies[3]).ok());
  EXPECT_EQ(replies[3].Wait().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(engine_->load().queued_tokens(), 6u);
  gate_.Close();
  EXPECT_TRUE(replies[2].Wait().ok());
  engine_.reset();
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kTokens));
}

TEST_F(ClassificationEngineTest, ACallOfManyTextsNeitherShutsOthersOutNorHoldsWorkUnderwayUp) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}}, {.max_calls = 3, .max_tokens = 100});
  Reply running, large, small, another, too_many;
  ASSERT_TRUE(Submit({"a"}, running).ok());
  while (engine_->load().running_sequences() == 0) std::this_thread::yield();
  // Ten times what may wait.
  ASSERT_TRUE(Submit(std::vector<std::string>(200, "abcde"), large).ok());
  ASSERT_TRUE(Submit({"abc"}, small).ok());
  ASSERT_TRUE(Submit({"abc"}, another).ok());
  EXPECT_EQ(Submit({"abc"}, too_many).code(), absl::StatusCode::kResourceExhausted);
  std::deque<Reply> underway(10);
  runner::v1::ClassifyRequest request = Request({"ab"});
  request.set_underway(true);
  for (Reply& reply : underway) {
    ASSERT_TRUE(engine_->Submit(request, absl::InfiniteFuture(), {}, reply.callbacks()).ok());
  }
  while (engine_->load().queued_tokens() < 1000 + 2 * 3 + 10 * 2) std::this_thread::yield();
  EXPECT_EQ(engine_->load().queued_sequences(), 200u + 2 + 10);
  // One batch of one row for each of those underway, and one in between for the others.
  for (int i = 0; i < 1 + 2 * 10; ++i) {
    bool go = true;
    gate_.TryPush(go);
  }
  for (Reply& reply : underway) EXPECT_TRUE(reply.Wait().ok());
  EXPECT_GT(engine_->load().queued_sequences(), 190u);
  gate_.Close();
  for (Reply* reply : {&running, &large, &small, &another}) EXPECT_TRUE(reply->Wait().ok());
}

TEST_F(ClassificationEngineTest, DrainsWhatItHasAccepted) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}});
  std::deque<Reply> replies(3);
  for (Reply& reply : replies) ASSERT_TRUE(Submit({"a", "b"}, reply).ok());
  engine_->Drain(absl::InfiniteFuture());
  Reply late;
  EXPECT_EQ(Submit({"a"}, late).code(), absl::StatusCode::kUnavailable);
  gate_.Close();
  engine_->Join();
  for (Reply& reply : replies) EXPECT_TRUE(reply.Wait().ok());
}

TEST_F(ClassificationEngineTest, EndsTheRestWhenDestroyed) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}});
  Reply begun, waiting;
  ASSERT_TRUE(Submit({"a", "b", "c"}, begun).ok());
  ASSERT_TRUE(Submit({"a"}, waiting).ok());
  engine_->Drain(absl::InfinitePast());
  gate_.Close();
  engine_.reset();
  EXPECT_EQ(begun.Wait().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(waiting.Wait().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ClassificationEngineTest, WarmsUp) {
  Make();
  EXPECT_TRUE(engine_->WarmUp().ok());
}

TEST_F(ClassificationEngineTest, AnswersEveryCallerOnceUnderChurn) {
  Make({.batch = {.max_batch_tokens = 20}}, {.max_calls = 30});
  constexpr int kThreads = 4;
  constexpr int kCalls = 100;
  std::vector<std::deque<Reply>> replies(kThreads);
  std::vector<std::vector<bool>> accepted(kThreads);
  std::vector<std::thread> callers;
  for (int t = 0; t < kThreads; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        std::stop_source stop;
        const std::vector<std::string> texts(1 + i % 7, "abc");
        Reply& reply = replies[t].emplace_back();
        accepted[t].push_back(Submit(texts, reply, absl::InfiniteFuture(), stop.get_token()).ok());
        if (i % 4 == 0) stop.request_stop();
        if (i % 10 == 9 && accepted[t].back()) {
          absl::StatusOr<runner::v1::ClassifyResponse> results = reply.Wait();
          EXPECT_TRUE(results.ok()) << results.status();
          reply.end.TryPush(results);
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  engine_->Drain(absl::InfiniteFuture());
  engine_->Join();
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kCalls; ++i) {
      EXPECT_EQ(replies[t][i].end.TakeAll(false).size(), accepted[t][i] ? 1u : 0u);
    }
  }
  EXPECT_EQ(engine_->load().queued_sequences(), 0u);
}

TEST_F(ClassificationEngineTest, RefusesATextThatTheTokenizerDoes) {
  Make();
  EXPECT_EQ(Classify(Request({"a", "b#"})).status(),
            WithField(absl::InvalidArgumentError("texts[1]: the fake refuses it"), "texts[1]"));
  EXPECT_TRUE(Classify(Request({"a", "b"})).ok());
}

}  // namespace
}  // namespace chorus::runner
