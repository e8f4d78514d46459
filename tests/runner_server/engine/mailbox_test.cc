#include "runner_server/engine/mailbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Mailbox, GivesItemsInOrder) {
  Mailbox<int> mailbox;
  for (int item : {1, 2, 3}) EXPECT_TRUE(mailbox.TryPush(item));
  EXPECT_EQ(mailbox.Take(), 1);
  EXPECT_THAT(mailbox.TakeAll(/*wait=*/true), ElementsAre(2, 3));
  EXPECT_THAT(mailbox.TakeAll(/*wait=*/false), IsEmpty());
}

TEST(Mailbox, LeavesTheItemAloneOnceClosed) {
  Mailbox<std::unique_ptr<int>> mailbox;
  auto first = std::make_unique<int>(1), second = std::make_unique<int>(2);
  EXPECT_TRUE(mailbox.TryPush(first));
  mailbox.Close();
  EXPECT_FALSE(mailbox.TryPush(second));
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(**mailbox.Take(), 1);  // What was inside is not lost.
  EXPECT_EQ(mailbox.Take(), std::nullopt);
  EXPECT_THAT(mailbox.TakeAll(/*wait=*/true), IsEmpty());
}

TEST(Mailbox, WakesAWaitingOwner) {
  Mailbox<int> mailbox;
  std::vector<int> taken;
  std::thread owner([&] {
    while (const std::optional<int> item = mailbox.Take()) taken.push_back(*item);
  });
  std::vector<std::thread> pushers;
  for (int pusher = 0; pusher < 4; ++pusher) {
    pushers.emplace_back([&] {
      for (int item = 0; item < 500; ++item) mailbox.TryPush(item);
    });
  }
  for (std::thread& thread : pushers) thread.join();
  mailbox.Close();
  owner.join();
  EXPECT_EQ(taken.size(), 2000u);
}

}  // namespace
}  // namespace chorus::runner
