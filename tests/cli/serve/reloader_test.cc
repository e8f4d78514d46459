#include "cli/serve/reloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/serve/reloader_fixture.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(ReloaderTest, AsLongAsNothingChangesNothingIsDone) {
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  EXPECT_THAT(host_.TakeSaid(), IsEmpty());
  EXPECT_EQ(reloader_->next_deadline(), now_ + absl::Seconds(1));
}

TEST_F(ReloaderTest, ANewVersionIsLoadedThenServedThenTheOldOneLeaves) {
  found_ = Work("v2");
  SeeChange();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v2"));
  for (int i = 0; i < 3; ++i) Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());  // It has not loaded yet.
  MakeReady(2);
  Advance();
  ServePage(Page(4, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  EXPECT_EQ(GetFile(temp_ / "gateway.yaml"),
            absl::StrCat("runners:\n  - name: \"gpt2\"\n    endpoints: [\"unix:", Socket(2),
                         "\"]\n  - name: \"bert\"\n    endpoints: [\"unix:", Socket(1), "\"]\n"));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "first");
  ServePage(Page(4, true, {0, 1}));  // The signal has not come through yet.
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  ServePage(Page(5, true, {0, 1, 2}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("keep 3", "leave 0"));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("reloaded"));
  ServePage(Page(5, true, {0, 1, 2}));  // It still has calls.
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  ServePage(Page(5, true, {1, 2}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("stop 0"));
  reloader_->OnExit(0, "stopped");
  for (int i = 0; i < 3; ++i) Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());

  found_ = Work("v3");  // Which takes the place that is free again.
  SeeChange();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v3"));
  MakeReady(0);
  Advance();
  ServePage(Page(5, true, {1, 2}));
  EXPECT_THAT(GetFile(temp_ / "gateway.yaml"), HasSubstr(Socket(0)));
}

TEST_F(ReloaderTest, AnotherGraphNeedsNoProcess) {
  found_ = Work("v1", "second");
  SeeChange();
  Advance();
  ServePage(Page(0, true, {0, 1}));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "second");
  ServePage(Page(1, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("reloaded"));
}

// However long it takes to find the new processes: the machine may be slow.

TEST_F(ReloaderTest, TheGatewayIsWaitedFor) {
  found_ = Work("v2");
  SeeChange();
  MakeReady(2);
  Advance();
  ServePage(Page(0, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v2", "reload"));
  std::vector<std::string> said;
  for (int i = 0; i < 6; ++i) {
    ServePage(Page(1, false, {0, 1}, /*waits=*/true));
    for (std::string& words : host_.TakeSaid()) said.push_back(std::move(words));
  }
  EXPECT_THAT(said, ElementsAre(HasSubstr("the gateway waits until it has found what is new")));
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  ServePage(Page(2, true, {0, 1, 2}, /*waits=*/true));  // Taken, but the old one has the calls.
  EXPECT_THAT(host_.TakeSaid(), IsEmpty());
  ServePage(Page(2, true, {1, 2}));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("reloaded"));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("keep 3", "leave 0"));
}

// With --keep_going.

TEST_F(ReloaderTest, WhatDoesNotRunAnyMoreHasLeft) {
  found_ = Work("v2");
  SeeChange();
  MakeReady(2);
  Advance();
  ServePage(Page(0, true, {0, 1}));
  ServePage(Page(1, true, {1, 2}));
  host_.runs_ = false;  // It had been killed, and was to start again.
  ServePage(Page(1, true, {1, 2}));
  EXPECT_THAT(host_.TakeWords(),
              ElementsAre("start gpt2 v2", "reload", "keep 3", "leave 0", "stop 0"));
  Advance();
  EXPECT_EQ(reloader_->next_deadline(), now_ + absl::Seconds(1));  // Nothing is under way.
}

TEST_F(ReloaderTest, AChangeThatDoesNotLastIsLeft) {
  found_ = Work("v2");
  Advance();
  found_ = Work("v1");
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeSaid(), IsEmpty());
}

TEST_F(ReloaderTest, TheGatewayIsAskedAgainWhenItWasStartedAgainMeanwhile) {
  found_ = Work("v1", "second");
  SeeChange();
  Advance();
  ServePage(Page(3, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  now_ += absl::Seconds(11);
  ServePage(Page(0, true, {0, 1}));  // It counts from nothing.
  ServePage(Page(0, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  ServePage(Page(1, true, {0, 1}));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("reloaded"));
}

}  // namespace
}  // namespace chorus
