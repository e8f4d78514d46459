#include "runner_server/kernels/futex_word.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace chorus::runner {
namespace {

// Far longer than a waiter spins.
void LetTheWaiterSleep() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST(FutexWordTest, DoesNotWaitForWhatIsAlreadyTrue) {
  FutexWord word;
  word.WaitUntilZero();
  word.WaitWhileEqual(1);
  word.Increment();
  word.WaitWhileEqual(0);
  EXPECT_EQ(word.value(), 1u);
}

TEST(FutexWordTest, DoesNotRiseFromZeroIfAskedNotTo) {
  FutexWord word;
  EXPECT_FALSE(word.IncrementUnlessZero());
  word.Reset(1);
  EXPECT_TRUE(word.IncrementUnlessZero());
  EXPECT_EQ(word.value(), 2u);
}

TEST(FutexWordTest, WakesASleeperOnAChange) {
  FutexWord word;
  int written = 0;  // Without a lock: the change orders it.
  std::thread waiter([&] {
    word.WaitWhileEqual(0);
    EXPECT_EQ(written, 1);
  });
  LetTheWaiterSleep();
  written = 1;
  word.Increment();
  waiter.join();
}

TEST(FutexWordTest, WakesASleeperWhenTheLastOneIsDone) {
  FutexWord word;
  word.Reset(3);
  std::atomic<int> num_done = 0;
  std::thread waiter([&] {
    word.WaitUntilZero();
    EXPECT_EQ(num_done, 3);
  });
  for (int i = 0; i < 3; ++i) {
    LetTheWaiterSleep();
    ++num_done;
    word.Decrement();
  }
  waiter.join();
}

// Two threads that hand a turn back and forth, asleep or not: a lost wake-up would hang it.
TEST(FutexWordTest, LosesNoWakeUp) {
  FutexWord ping, pong;
  constexpr uint32_t kRounds = 2000;
  std::thread other([&] {
    for (uint32_t round = 0; round < kRounds; ++round) {
      ping.WaitWhileEqual(round);
      pong.Increment();
    }
  });
  for (uint32_t round = 0; round < kRounds; ++round) {
    ping.Increment();
    pong.WaitWhileEqual(round);
  }
  other.join();
  EXPECT_EQ(pong.value(), kRounds);
}

}  // namespace
}  // namespace chorus::runner
