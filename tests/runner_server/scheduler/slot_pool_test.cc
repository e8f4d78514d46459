#include "runner_server/scheduler/slot_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Release = SlotPool::Release;

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

TEST(SlotPool, CommitsAnythingWithoutACap) {
  SlotPool slots(2);
  EXPECT_EQ(slots.max_tokens(), SlotPool::kNoCap);
  EXPECT_TRUE(slots.CanCommit(1 << 30, 1000));
  const int slot = slots.Allocate();
  EXPECT_TRUE(slots.TryCommit(slot, 1 << 30));
  EXPECT_EQ(slots.num_committed_tokens(), 1 << 30);
  slots.Free(slot);
  EXPECT_THAT(slots.TakeReleases(), IsEmpty());
}

TEST(SlotPool, CountsInBlocks) {
  SlotPool slots({.num_slots = 2, .max_tokens = 70, .block_tokens = 16});
  EXPECT_EQ(slots.max_tokens(), 64);
  const int slot = slots.Allocate();
  EXPECT_TRUE(slots.TryCommit(slot, 17));
  EXPECT_EQ(slots.num_needed_tokens(), 32);
  EXPECT_TRUE(slots.TryCommit(slot, 32));
  EXPECT_EQ(slots.num_needed_tokens(), 32);
  EXPECT_TRUE(slots.CanCommit(16, 1));
  EXPECT_FALSE(slots.CanCommit(16, 2));
  EXPECT_FALSE(slots.CanCommit(17, 1));
  EXPECT_TRUE(slots.TryCommit(slot, 64));
  EXPECT_FALSE(slots.TryCommit(slot, 65));
  EXPECT_EQ(slots.num_needed_tokens(), 64);
}

TEST(SlotPool, KeepsWarmMemoryWhileThereIsRoom) {
  SlotPool slots({.num_slots = 2, .max_tokens = 100});
  const int first = slots.Allocate();
  EXPECT_TRUE(slots.TryCommit(first, 60));
  slots.Free(first);
  EXPECT_EQ(slots.num_needed_tokens(), 0);
  EXPECT_EQ(slots.num_committed_tokens(), 60);
  EXPECT_EQ(slots.Allocate(), first);
  const int second = slots.Allocate();
  EXPECT_TRUE(slots.TryCommit(second, 40));
  EXPECT_THAT(slots.TakeReleases(), IsEmpty());
}

TEST(SlotPool, ReleasesTheSlotUnusedForLongestFirst) {
  SlotPool slots({.num_slots = 4, .max_tokens = 100});
  for (int slot = 0; slot < 4; ++slot) {
    slots.Allocate();
    EXPECT_TRUE(slots.TryCommit(slot, 20));
  }
  for (const int slot : {2, 0, 1}) slots.Free(slot);
  EXPECT_TRUE(slots.TryCommit(3, 60));
  EXPECT_THAT(slots.TakeReleases(), ElementsAre(Release{2, 0}));
  EXPECT_TRUE(slots.TryCommit(3, 100));
  EXPECT_THAT(slots.TakeReleases(), ElementsAre(Release{0, 0}, Release{1, 0}));
  EXPECT_EQ(slots.num_committed_tokens(), 100);
}

TEST(SlotPool, ReleasesWhatALongerSequenceHasLeftBehind) {
  SlotPool slots({.num_slots = 2, .max_tokens = 100});
  const int reused = slots.Allocate();
  EXPECT_TRUE(slots.TryCommit(reused, 80));
  slots.Free(reused);
  EXPECT_EQ(slots.Allocate(), reused);
  EXPECT_TRUE(slots.TryCommit(reused, 30));
  const int other = slots.Allocate();
  EXPECT_TRUE(slots.TryCommit(other, 70));
  EXPECT_THAT(slots.TakeReleases(), ElementsAre(Release{reused, 30}));
  EXPECT_FALSE(slots.TryCommit(reused, 31));
  EXPECT_THAT(slots.TakeReleases(), IsEmpty());
}

// Random use: nothing is ever committed beyond the cap, going by the releases alone.
TEST(SlotPoolProperty, KeepsToTheCap) {
  constexpr int kSlots = 6, kCap = 320, kBlock = 16;
  SlotPool slots({.num_slots = kSlots, .max_tokens = kCap, .block_tokens = kBlock});
  std::mt19937 random(3);
  const auto pick = [&](int bound) { return static_cast<int>(random() % bound); };
  std::map<int, int> held;             // Tokens of each allocated slot.
  std::vector<int> committed(kSlots);  // As the model would have it, after each step.
  int num_refused = 0;
  for (int round = 0; round < 20000; ++round) {
    if (slots.CanAllocate() && pick(3) == 0) {
      held[slots.Allocate()] = 0;
    } else if (!held.empty() && pick(4) == 0) {
      const auto gone = std::next(held.begin(), pick(held.size()));
      slots.Free(gone->first);
      held.erase(gone);
    }
    for (auto& [slot, num_tokens] : held) {
      const int grown = num_tokens + pick(20);
      if (slots.TryCommit(slot, grown)) {
        num_tokens = grown;
      } else {
        ++num_refused;
      }
    }
    for (const Release& release : slots.TakeReleases()) {
      ASSERT_LT(release.num_kept_tokens, committed[release.slot]);
      committed[release.slot] = static_cast<int>(release.num_kept_tokens);
    }
    int total = 0, needed = 0;
    for (int slot = 0; slot < kSlots; ++slot) {
      if (held.contains(slot)) {
        const int blocks = (held[slot] + kBlock - 1) / kBlock * kBlock;
        committed[slot] = std::max(committed[slot], blocks);
        needed += blocks;
      }
      total += committed[slot];
    }
    ASSERT_LE(total, kCap);
    ASSERT_EQ(total, slots.num_committed_tokens());
    ASSERT_EQ(needed, slots.num_needed_tokens());
  }
  EXPECT_GT(num_refused, 100);
}

}  // namespace
}  // namespace chorus::runner
