#include "base/signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

namespace chorus {
namespace {

TEST(SignalStop, StopsUponTheFirstSignalAndTellsIt) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    const SignalStop stop;
    EXPECT_EQ(stop.signal(), 0);
    EXPECT_FALSE(stop.token().stop_requested());
    kill(getpid(), number);
    EXPECT_EQ(stop.Wait(), number);
    while (!stop.token().stop_requested()) usleep(1000);
  }
}

TEST(SignalStop, AHangupMayMeanSomethingElse) {
  std::atomic<int> num_hangups = 0;
  const SignalStop stop([&] { ++num_hangups; });
  kill(getpid(), SIGHUP);
  while (num_hangups < 1) usleep(1000);
  kill(getpid(), SIGHUP);
  while (num_hangups < 2) usleep(1000);
  EXPECT_EQ(stop.signal(), 0);
  kill(getpid(), SIGTERM);
  EXPECT_EQ(stop.Wait(), SIGTERM);
}

TEST(SignalStopDeathTest, AnIgnoredHangupStaysIgnored) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        signal(SIGHUP, SIG_IGN);  // As nohup(1) does.
        const SignalStop stop;
        kill(getpid(), SIGHUP);
        kill(getpid(), SIGTERM);
        _exit(stop.Wait());
      },
      ::testing::ExitedWithCode(SIGTERM), "");
}

TEST(SignalStop, EndsWithoutASignal) { const SignalStop stop; }

TEST(SignalStopDeathTest, TheSecondSignalEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const SignalStop stop;
        kill(getpid(), SIGTERM);
        stop.Wait();
        kill(getpid(), SIGINT);
        pause();  // As a drain that takes its time.
      },
      ::testing::ExitedWithCode(128 + SIGINT), "");
}

TEST(SignalFd, TellsWhatHasComeInTurn) {
  BlockSignals({SIGHUP});
  kill(getpid(), SIGHUP);
  const absl::StatusOr<int> fd = SignalFd({SIGHUP, SIGTERM});
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(NextSignal(*fd), SIGHUP);
  EXPECT_EQ(NextSignal(*fd), 0);
  kill(getpid(), SIGTERM);
  EXPECT_EQ(NextSignal(*fd), SIGTERM);
  EXPECT_EQ(NextSignal(*fd), 0);
  close(*fd);
}

}  // namespace
}  // namespace chorus
