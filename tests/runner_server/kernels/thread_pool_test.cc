#include "runner_server/kernels/thread_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace chorus::runner {
namespace {

TEST(ThreadPoolTest, DoesEveryItemOnce) {
  for (const int num_threads : {1, 2, 3, 8}) {
    ThreadPool pool(num_threads);
    EXPECT_EQ(pool.num_threads(), num_threads);
    for (const int num_items : {0, 1, 2, 3, 7, 8, 100}) {
      std::vector<int> done(num_items, 0);  // Disjoint elements: written without a lock.
      pool.Run(num_items, [&](int, int begin, int end) {
        for (int i = begin; i < end; ++i) ++done[i];
      });
      EXPECT_THAT(done, testing::Each(1)) << num_threads << " threads, " << num_items << " items";
    }
  }
}

TEST(ThreadPoolTest, GivesEachThreadItsOwnNumber) {
  ThreadPool pool(4);
  std::vector<int> busy(4, 0);  // Written by the thread of that number alone: tsan sees to it.
  for (int round = 0; round < 100; ++round) {
    pool.Run(40, [&](int thread, int begin, int end) {
      ASSERT_EQ(busy.at(thread)++, 0);
      ASSERT_LT(begin, end);
      --busy[thread];
    });
  }
}

TEST(ThreadPoolTest, HelpsAThreadThatIsHeldUp) {
  ThreadPool pool(2);
  // The first piece blocks until every item outside it is done: nobody but the other thread can.
  std::atomic<int> num_done = 0;
  pool.Run(100, [&](int, int begin, int end) {
    if (begin == 0) {
      while (num_done < 100 - end) {
      }
    }
    num_done += end - begin;
  });
  EXPECT_EQ(num_done, 100);
}

std::atomic<bool> held = false, release_held = false;

// Holds up the thread it is sent to.
void HoldUp(int) {
  held = true;
  while (!release_held) {
  }
}

TEST(ThreadPoolTest, DoesNotWaitForAThreadThatHasNotBegun) {
  ThreadPool pool(2);
  std::atomic<bool> known = false;
  pthread_t worker = {};
  pool.Run(2, [&](int thread, int, int) {
    if (thread == 1) {
      worker = ::pthread_self();
      known = true;
    }
    while (!known) {
    }
  });
  ASSERT_NE(::signal(SIGUSR1, HoldUp), SIG_ERR);
  ASSERT_EQ(::pthread_kill(worker, SIGUSR1), 0);
  while (!held) {
  }
  for (int round = 0; round < 3; ++round) {
    int num_done = 0;
    pool.Run(100, [&](int thread, int begin, int end) {
      ASSERT_EQ(thread, 0);
      num_done += end - begin;
    });
    EXPECT_EQ(num_done, 100);
  }
  release_held = true;
}

TEST(ThreadPoolTest, RunsOnTheCallerAloneWithOneThread) {
  ThreadPool pool(1);
  std::thread::id worker;
  pool.Run(5, [&](int thread, int begin, int end) {
    EXPECT_EQ(thread, 0);
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 5);
    worker = std::this_thread::get_id();
  });
  EXPECT_EQ(worker, std::this_thread::get_id());
}

// Rounds in quick succession, each seeing what the one before wrote: the fork and the join order
// memory. Under the tsan preset this is the proof.
TEST(ThreadPoolTest, OrdersMemoryBetweenRounds) {
  ThreadPool pool(3);
  std::vector<int> values(64, 0);
  for (int round = 0; round < 300; ++round) {
    pool.Run(64, [&](int, int begin, int end) {
      for (int i = begin; i < end; ++i) values[i] = values[i] + 1;
    });
    // Moves the values to other threads' shares.
    std::rotate(values.begin(), values.begin() + 21, values.end());
  }
  EXPECT_THAT(values, testing::Each(300));
}

TEST(ThreadPoolTest, WakesWorkersThatHaveGoneToSleep) {
  ThreadPool pool(2);
  for (int round = 0; round < 3; ++round) {
    // Far longer than the pool spins.
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() < end) {
    }
    std::vector<int> done(2, 0);
    pool.Run(2, [&](int, int begin, int end) { done[begin] = end; });
    EXPECT_THAT(done, testing::ElementsAre(1, 2));
  }
}

TEST(ThreadPoolTest, UsesTheActiveThreadsOnly) {
  ThreadPool pool(4);
  for (const int num_active : {4, 1, 3, 2, 4, 2, 1, 4}) {
    pool.set_num_active_threads(num_active);
    for (int round = 0; round < 20; ++round) {
      std::vector<int> done(50, 0);
      pool.Run(50, [&](int thread, int begin, int end) {
        EXPECT_LT(thread, num_active);
        for (int i = begin; i < end; ++i) ++done[i];
      });
      ASSERT_THAT(done, testing::Each(1)) << num_active << " active";
    }
  }
}

TEST(ThreadPoolTest, EndsWhileSomeThreadsHaveNeverBeenActive) {
  ThreadPool pool(3);
  pool.set_num_active_threads(2);
  std::atomic<int> num_done = 0;
  pool.Run(10, [&](int, int begin, int end) { num_done += end - begin; });
  EXPECT_EQ(num_done, 10);
}

}  // namespace
}  // namespace chorus::runner
