#include "runner_server/scheduler/slot_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chorus {
namespace {

TEST(SlotPool, DealsEachSlotOnce) {
  SlotPool slots(3);
  EXPECT_EQ(slots.num_slots(), 3);
  EXPECT_EQ(slots.Allocate(), 0);
  EXPECT_EQ(slots.Allocate(), 1);
  EXPECT_TRUE(slots.CanAllocate());
  EXPECT_EQ(slots.Allocate(), 2);
  EXPECT_FALSE(slots.CanAllocate());
  EXPECT_EQ(slots.num_allocated(), 3);
}

TEST(SlotPool, DealsTheSlotFreedLast) {
  SlotPool slots(3);
  for (int i = 0; i < 3; ++i) slots.Allocate();
  slots.Free(0);
  slots.Free(2);
  EXPECT_EQ(slots.num_allocated(), 1);
  EXPECT_EQ(slots.Allocate(), 2);
  EXPECT_EQ(slots.Allocate(), 0);
  EXPECT_FALSE(slots.CanAllocate());
}

}  // namespace
}  // namespace chorus
