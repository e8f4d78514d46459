#include "runner_server/service/tokenizer_reactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "runner_server/engine/mailbox.h"

namespace chorus::runner {
namespace {

using ::testing::HasSubstr;

// Reactors without a call: gRPC's part is played by the test.
class TokenizerReactorTest : public ::testing::Test {
 protected:
  // Ends when the tokenizer thread has run what it has.
  void RunAll() {
    gate_.Close();
    thread_.reset();
  }

  RunnerMetrics metrics_{"fake", "7"};
  CallCounter counter_;
  Mailbox<bool> gate_;  // Close() lets the thread run.
  std::unique_ptr<WorkerPool> thread_ = std::make_unique<WorkerPool>(1);
};

TEST_F(TokenizerReactorTest, AnswersOnItsTurn) {
  thread_->Run([this] { gate_.Take(); });
  bool answered = false;
  auto* reactor = new TokenizerReactor(
      "Tokenize",
      [&] {
        answered = true;
        return absl::InvalidArgumentError("no");
      },
      *thread_, metrics_, counter_);
  EXPECT_FALSE(counter_.WaitIdle(absl::ZeroDuration()));
  EXPECT_FALSE(answered);
  RunAll();
  EXPECT_TRUE(answered);
  reactor->OnDone();
  EXPECT_TRUE(counter_.WaitIdle(absl::ZeroDuration()));
  EXPECT_THAT(metrics_.ToText(), HasSubstr("http_response_code=\"400\""));
}

TEST_F(TokenizerReactorTest, DoesNothingForACallerWhoHasLeft) {
  thread_->Run([this] { gate_.Take(); });
  bool answered = false;
  auto* reactor = new TokenizerReactor(
      "Tokenize",
      [&] {
        answered = true;
        return absl::OkStatus();
      },
      *thread_, metrics_, counter_);
  reactor->OnCancel();
  RunAll();
  EXPECT_FALSE(answered);
  reactor->OnDone();
  EXPECT_THAT(metrics_.ToText(), HasSubstr("http_response_code=\"499\""));
}

}  // namespace
}  // namespace chorus::runner
