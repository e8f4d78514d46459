#include "base/signal_stop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace chorus {
namespace {

TEST(SignalStop, StopsUponTheFirstSignalAndTellsIt) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    const auto stop = SignalStop::Create();
    ASSERT_TRUE(stop.ok()) << stop.status();
    EXPECT_EQ((*stop)->signal(), 0);
    EXPECT_FALSE((*stop)->token().stop_requested());
    kill(getpid(), number);
    EXPECT_EQ((*stop)->Wait(), number);
    while (!(*stop)->token().stop_requested()) usleep(1000);
  }
}

TEST(SignalStop, AHangupMayMeanSomethingElse) {
  std::atomic<int> num_hangups = 0;
  const auto stop = SignalStop::Create([&] { ++num_hangups; });
  ASSERT_TRUE(stop.ok()) << stop.status();
  kill(getpid(), SIGHUP);
  while (num_hangups < 1) usleep(1000);
  kill(getpid(), SIGHUP);
  while (num_hangups < 2) usleep(1000);
  EXPECT_EQ((*stop)->signal(), 0);
  kill(getpid(), SIGTERM);
  EXPECT_EQ((*stop)->Wait(), SIGTERM);
}

TEST(SignalStopDeathTest, AnIgnoredHangupStaysIgnored) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        signal(SIGHUP, SIG_IGN);  // As nohup(1) does.
        const auto stop = SignalStop::Create();
        kill(getpid(), SIGHUP);
        kill(getpid(), SIGTERM);
        _exit((*stop)->Wait());
      },
      ::testing::ExitedWithCode(SIGTERM), "");
}

TEST(SignalStop, EndsWithoutASignal) { EXPECT_TRUE(SignalStop::Create().ok()); }

TEST(SignalStopDeathTest, TheSecondSignalEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const auto stop = SignalStop::Create();
        kill(getpid(), SIGTERM);
        (*stop)->Wait();
        kill(getpid(), SIGINT);
        pause();  // As a drain that takes its time.
      },
      ::testing::ExitedWithCode(128 + SIGINT), "");
}

}  // namespace
}  // namespace chorus
