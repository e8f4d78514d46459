#include "base/signal_stop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

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
