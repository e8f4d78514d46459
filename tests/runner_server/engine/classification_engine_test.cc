#include "runner_server/engine/classification_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "runner_server/engine/mailbox.h"
#include "tests/runner_server/engine/fake_classifier.h"
#include "tests/runner_server/engine/fake_tokenizer.h"
#include "tests/runner_server/engine/recording_observer.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;

// The end of one call. Must outlive it.
struct Reply {
  ClassificationDone Done() {
    return [this](absl::StatusOr<ClassificationResults> done) { end.TryPush(done); };
  }
  absl::StatusOr<ClassificationResults> Wait() { return *end.Take(); }

  Mailbox<absl::StatusOr<ClassificationResults>> end;
};

class ClassificationEngineTest : public ::testing::Test {
 protected:
  void Make(const ClassificationEngine::Options& options = {}) {
    auto model = std::make_unique<FakeClassifier>();
    if (hold_model_) model->before_forward = [this] { gate_.Take(); };
    engine_ = *ClassificationEngine::Create(std::move(model), tokenizer_, observer_, options);
  }

  absl::Status Submit(std::vector<std::string> texts, Reply& reply,
                      absl::Time deadline = absl::InfiniteFuture(), std::stop_token stop = {}) {
    return engine_->Submit({.texts = std::move(texts)}, deadline, std::move(stop), reply.Done());
  }
  // Submits, and waits for the end.
  absl::StatusOr<ClassificationResults> Classify(ClassificationRequest request) {
    Reply reply;
    if (absl::Status status = engine_->Submit(std::move(request), absl::InfiniteFuture(),
                                              std::stop_token(), reply.Done());
        !status.ok()) {
      return status;
    }
    return reply.Wait();
  }

  FakeTokenizer tokenizer_;
  RecordingObserver observer_;
  bool hold_model_ = false;
  Mailbox<bool> gate_;  // Close() lets the model run.
  std::unique_ptr<ClassificationEngine> engine_;
};

TEST_F(ClassificationEngineTest, ClassifiesEachText) {
  Make();
  Reply reply;
  ASSERT_TRUE(Submit({"ab", "c", std::string(40, 'a')}, reply).ok());
  const absl::StatusOr<ClassificationResults> results = reply.Wait();
  ASSERT_TRUE(results.ok());
  ASSERT_EQ(results->texts.size(), 3u);
  EXPECT_EQ(results->texts[0].num_tokens, 2);
  EXPECT_EQ(results->texts[1].num_tokens, 1);
  EXPECT_EQ(results->texts[0].text_tokens, 2);
  EXPECT_EQ(results->texts[2].num_tokens, 16);  // Cut at the context.
  EXPECT_EQ(results->texts[2].text_tokens, 40);
  EXPECT_THAT(results->texts[2].probabilities, ElementsAre(0.5, 0.5));
  EXPECT_THAT(engine_->labels(), ElementsAre("LENGTH", "SUM"));
}

TEST_F(ClassificationEngineTest, CutsWhereTheTokenizerSaysIfThatIsLessThanTheContext) {
  Make({.max_text_tokens = 3});
  EXPECT_EQ(engine_->context_size(), 3);
  const auto results = Classify({.texts = {"abc", "abcz"}});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->texts[0].text_tokens, 3);
  EXPECT_EQ(results->texts[1].num_tokens, 3);
  EXPECT_EQ(results->texts[1].text_tokens, 4);
  EXPECT_EQ(results->texts[1].probabilities, results->texts[0].probabilities);
  Make({.max_text_tokens = 1000});
  EXPECT_EQ(engine_->context_size(), 16);
  EXPECT_EQ(ClassificationEngine::Create(std::make_unique<FakeClassifier>(), tokenizer_, observer_,
                                         {.max_text_tokens = 1})
                .status()
                .message(),
            "max_text_tokens must be at least 2: 1");
}

TEST_F(ClassificationEngineTest, RefusesToCutWhereTheCallerSaysSo) {
  Make();
  const std::string longest(16, 'a');
  EXPECT_TRUE(Classify({.texts = {longest, "b"}, .refuse_truncation = true}).ok());
  const absl::Status refused =
      Classify({.texts = {longest, longest + "a"}, .refuse_truncation = true}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.message(),
            "texts[1] has 17 tokens and the model reads at most 16: shorten it, or allow that it "
            "is cut");
  EXPECT_EQ(engine_->load().queued_sequences, 0);
}

TEST_F(ClassificationEngineTest, ReadsSpecialTokensAsCharactersWhereTheCallerSaysSo) {
  Make();
  const auto special = Classify({.texts = {"a?"}});
  const auto split = Classify({.texts = {"a?", "a "}, .split_special_tokens = true});
  ASSERT_TRUE(special.ok() && split.ok());
  EXPECT_NE(split->texts[0].probabilities, special->texts[0].probabilities);
  EXPECT_EQ(split->texts[0].probabilities, split->texts[1].probabilities);
}

TEST_F(ClassificationEngineTest, CountsTheTimeInTheQueue) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}});
  Reply first, second;
  ASSERT_TRUE(Submit({"a"}, first).ok());
  while (engine_->load().running_sequences == 0) std::this_thread::yield();
  const absl::Time before = absl::Now();
  ASSERT_TRUE(Submit({"b", "c"}, second).ok());
  const absl::Time submitted = absl::Now();
  const absl::Time released = absl::Now();
  gate_.Close();
  const absl::StatusOr<ClassificationResults> results = second.Wait();
  ASSERT_TRUE(results.ok());
  EXPECT_GE(results->queue, released - submitted);
  EXPECT_LE(results->queue + results->compute, absl::Now() - before);
  EXPECT_EQ(results->max_batch_size, 1);
}

TEST_F(ClassificationEngineTest, RefusesNoTextAndLateCalls) {
  Make();
  Reply reply;
  EXPECT_EQ(Submit({}, reply).message(), "texts must hold at least 1 text: 0");
  EXPECT_EQ(Submit({"a"}, reply, absl::Now()).code(), absl::StatusCode::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Submit({"a"}, reply, absl::InfiniteFuture(), stop.get_token()).code(),
            absl::StatusCode::kCancelled);
}

TEST_F(ClassificationEngineTest, RefusesMoreCallsThanTheQueueHolds) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}, .queue = {.max_calls = 1}});
  std::deque<Reply> replies(3);
  ASSERT_TRUE(Submit({"a"}, replies[0]).ok());
  while (engine_->load().running_sequences == 0) std::this_thread::yield();
  ASSERT_TRUE(Submit({"a", "b"}, replies[1]).ok());
  EXPECT_EQ(engine_->load().queued_sequences, 2);
  EXPECT_EQ(Submit({"a", "b"}, replies[2]).code(), absl::StatusCode::kResourceExhausted);
  gate_.Close();
  EXPECT_TRUE(replies[1].Wait().ok());
  engine_.reset();
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kQueue));
}

TEST_F(ClassificationEngineTest, RefusesMoreTokensThanTheQueueHolds) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}, .queue = {.max_tokens = 6}});
  std::deque<Reply> replies(4);
  ASSERT_TRUE(Submit({"a"}, replies[0]).ok());
  while (engine_->load().running_sequences == 0) std::this_thread::yield();
  ASSERT_TRUE(Submit({"abc"}, replies[1]).ok());
  ASSERT_TRUE(Submit({"abc"}, replies[2]).ok());
  ASSERT_TRUE(Submit({"abc"}, replies[3]).ok());
  EXPECT_EQ(replies[3].Wait().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(engine_->load().queued_tokens, 6);
  gate_.Close();
  EXPECT_TRUE(replies[2].Wait().ok());
  engine_.reset();
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kTokens));
}

TEST_F(ClassificationEngineTest, ACallOfManyTextsNeitherShutsOthersOutNorHoldsWorkUnderwayUp) {
  hold_model_ = true;
  Make({.batch = {.max_batch_rows = 1}, .queue = {.max_calls = 3, .max_tokens = 100}});
  Reply running, large, small, another, too_many;
  ASSERT_TRUE(Submit({"a"}, running).ok());
  while (engine_->load().running_sequences == 0) std::this_thread::yield();
  // Ten times what may wait.
  ASSERT_TRUE(Submit(std::vector<std::string>(200, "abcde"), large).ok());
  ASSERT_TRUE(Submit({"abc"}, small).ok());
  ASSERT_TRUE(Submit({"abc"}, another).ok());
  EXPECT_EQ(Submit({"abc"}, too_many).code(), absl::StatusCode::kResourceExhausted);
  std::deque<Reply> underway(10);
  for (Reply& reply : underway) {
    ASSERT_TRUE(
        engine_
            ->Submit({.texts = {"ab"}, .underway = true}, absl::InfiniteFuture(), {}, reply.Done())
            .ok());
  }
  while (engine_->load().queued_tokens < 1000 + 2 * 3 + 10 * 2) std::this_thread::yield();
  EXPECT_EQ(engine_->load().queued_sequences, 200 + 2 + 10);
  // One batch of one row for each of those underway, and one in between for the others.
  for (int i = 0; i < 1 + 2 * 10; ++i) {
    bool go = true;
    gate_.TryPush(go);
  }
  for (Reply& reply : underway) EXPECT_TRUE(reply.Wait().ok());
  EXPECT_GT(engine_->load().queued_sequences, 190);
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
  Make({.batch = {.max_batch_tokens = 20}, .queue = {.max_calls = 30}});
  constexpr int kThreads = 4;
  constexpr int kCalls = 100;
  std::vector<std::deque<Reply>> replies(kThreads);
  std::vector<std::vector<bool>> accepted(kThreads);
  std::vector<std::thread> callers;
  for (int t = 0; t < kThreads; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        std::stop_source stop;
        std::vector<std::string> texts(1 + i % 7, "abc");
        Reply& reply = replies[t].emplace_back();
        accepted[t].push_back(
            Submit(std::move(texts), reply, absl::InfiniteFuture(), stop.get_token()).ok());
        if (i % 4 == 0) stop.request_stop();
        if (i % 10 == 9 && accepted[t].back()) {
          absl::StatusOr<ClassificationResults> results = reply.Wait();
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
  EXPECT_EQ(engine_->load().queued_sequences, 0);
}

}  // namespace
}  // namespace chorus
