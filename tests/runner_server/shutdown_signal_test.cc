#include "runner_server/shutdown_signal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace chorus {
namespace {

TEST(ShutdownSignal, TellsTheFirstSignal) {
  for (const int number : {SIGTERM, SIGINT}) {
    ShutdownSignal shutdown;
    kill(getpid(), number);
    EXPECT_EQ(shutdown.Wait(), number);
  }
}

TEST(ShutdownSignal, EndsWithoutASignal) { ShutdownSignal shutdown; }

TEST(ShutdownSignalDeathTest, TheSecondSignalEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        kill(getpid(), SIGTERM);
        shutdown.Wait();
        kill(getpid(), SIGINT);
        pause();  // As a drain that takes its time.
      },
      ::testing::ExitedWithCode(128 + SIGINT), "");
}

}  // namespace
}  // namespace chorus
