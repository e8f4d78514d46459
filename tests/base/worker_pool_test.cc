#include "base/worker_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <thread>
#include <vector>

namespace chorus {
namespace {

using ::testing::ElementsAre;

TEST(WorkerPool, OneThreadRunsTasksInOrderAndAllOfThem) {
  std::vector<int> order;
  std::thread::id other;
  {
    WorkerPool pool(1);
    for (int i = 0; i < 3; ++i) pool.Run([&, i] { order.push_back(i); });
    pool.Run([&] { other = std::this_thread::get_id(); });
  }
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
  EXPECT_NE(other, std::this_thread::get_id());
}

TEST(WorkerPool, RunsAsManyTasksAtOnceAsItHasThreads) {
  std::latch both(2);
  {
    WorkerPool pool(2);
    for (int i = 0; i < 2; ++i) pool.Run([&] { both.arrive_and_wait(); });
  }
  EXPECT_TRUE(both.try_wait());
}

TEST(WorkerPool, ATaskMayAskForAnother) {
  bool ran = false;
  {
    WorkerPool pool(1);
    pool.Run([&] { pool.Run([&] { ran = true; }); });
  }
  EXPECT_TRUE(ran);
}

TEST(WorkerPool, WhatATaskHoldsIsGoneBeforeTheNextBegins) {
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = held;
  bool gone = false;
  {
    WorkerPool pool(1);
    pool.Run([held = std::move(held)] {});
    pool.Run([&] { gone = watch.expired(); });
  }
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace chorus
