#include "runner_server/service/tokenizer_reactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runner_server/engine/mailbox.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TokenizerThread, RunsTasksInOrderAndOneAfterAnother) {
  std::vector<int> order;
  std::thread::id other;
  {
    TokenizerThread thread;
    for (int i = 0; i < 3; ++i) thread.Run([&, i] { order.push_back(i); });
    thread.Run([&] { other = std::this_thread::get_id(); });
  }
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
  EXPECT_NE(other, std::this_thread::get_id());
}

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
  std::unique_ptr<TokenizerThread> thread_ = std::make_unique<TokenizerThread>();
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
}  // namespace chorus
