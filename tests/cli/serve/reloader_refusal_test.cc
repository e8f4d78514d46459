// Changes that are not taken over.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/serve/reloader_fixture.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(ReloaderTest, WhatCannotBeLoadedLeavesTheOldOneAndIsTriedAgainWhenAsked) {
  found_ = Work("v2");
  SeeChange();
  host_.TakeWords();
  reloader_->OnExit(3, "runner_server: no weights");
  Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());  // It has ended by itself.
  EXPECT_THAT(host_.TakeSaid(),
              ElementsAre("not reloaded, and what served serves on: gpt2 v2 cannot be loaded: "
                          "runner_server: no weights; it is tried again when something changes, "
                          "or upon SIGHUP"));
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  reloader_->Ask();
  Advance();
  while (host_.TakeSaid().empty()) Advance();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v2"));
}

TEST_F(ReloaderTest, WhatTheGatewayRefusesIsTakenBack) {
  found_ = Work("v2", "second");
  SeeChange();
  MakeReady(2);
  Advance();
  ServePage(Page(0, true, {0, 1}));
  host_.TakeWords();
  ServePage(Page(1, false, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre(HasSubstr("the gateway refuses it")));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "first");
  EXPECT_THAT(GetFile(temp_ / "gateway.yaml"), HasSubstr(Socket(0)));
  ServePage(Page(1, false, {0, 1}));  // It has not taken the old files yet.
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  ServePage(Page(2, true, {0, 1}));
  ServePage(Page(2, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("stop 3"));
  EXPECT_THAT(host_.TakeSaid(), IsEmpty());
}

TEST_F(ReloaderTest, AChangeThatIsGoneWhileTheGatewayWaitsIsTakenBack) {
  found_ = Work("v2");
  SeeChange();
  MakeReady(2);
  Advance();
  ServePage(Page(0, true, {0, 1}));
  ServePage(Page(1, false, {0, 1}, /*waits=*/true));
  host_.TakeWords();
  found_ = Work("v1");
  for (int i = 0; i < 2; ++i) ServePage(Page(1, false, {0, 1}, /*waits=*/true));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre(HasSubstr("the change is gone again")));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  EXPECT_THAT(GetFile(temp_ / "gateway.yaml"), HasSubstr(Socket(0)));
  // It found the new process just then, and moves back.
  ServePage(Page(2, true, {0, 1, 2}));
  ServePage(Page(3, true, {0, 1, 2}));
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  ServePage(Page(3, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("stop 3"));
}

TEST_F(ReloaderTest, TheLatestChangeTakesThePlaceOfOneThatIsLoading) {
  found_ = Work("v2");
  SeeChange();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v2"));
  found_ = Work("v3");
  for (int i = 0; i < 2; ++i) Advance();
  EXPECT_THAT(host_.TakeSaid(), ElementsAre(HasSubstr("another change comes in the place")));
  while (host_.TakeSaid().empty()) Advance();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v3"));
  MakeReady(3);  // The first one's place is taken until it has ended.
  Advance();
  ServePage(Page(0, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("stop 3", "reload"));
  reloader_->OnExit(3, "stopped");
  ServePage(Page(1, true, {0, 1, 3}));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("reloaded"));
}

TEST_F(ReloaderTest, AFaultThatIsNewIsRefusedAndOneThatIsKnownIsNoChange) {
  fault_ = "gpt2:v2 is damaged";
  found_ = Work("v2");
  SeeChange();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  fault_ = "";
  found_ = Work("v3");
  SeeChange();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v3"));
}

// Nobody checks what callers expect of a runner that the graph does not name.
TEST_F(ReloaderTest, AnotherKindOfModelDoesNotTakeTheNameOfOneThatNoGraphNames) {
  for (const ModelKind& other : {ModelKind{"generate", "GPT2"}, ModelKind{"classify", "GPT2"}}) {
    kinds_ = {{"bert", other}};
    found_ = Work(other.task);
    SeeChange();
    EXPECT_THAT(host_.TakeWords(), IsEmpty());
    // Said once.
    for (int i = 0; i < 5; ++i) Advance();
    EXPECT_THAT(host_.TakeSaid(), IsEmpty());
  }
  kinds_ = {{"bert", {"classify", "Bert"}}, {"further", {"generate", "GPT2"}}};
  found_ = Work("v3");
  SeeChange();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v3"));
}

TEST_F(ReloaderTest, SaysWhichKindOfModelServesAndWhichDoesNot) {
  kinds_ = {{"bert", {"generate", "GPT2"}}};
  found_ = Work("v2");
  std::vector<std::string> said;
  for (; said.empty(); said = host_.TakeSaid()) Advance();
  EXPECT_THAT(said, ElementsAre(HasSubstr(
                        "not reloaded, and what served serves on: bert is a GPT2 (generate) now, "
                        "and a Bert (classify) serves: another kind of model takes another name, "
                        "or a restart")));
}

TEST_F(ReloaderTest, AProcessThatIsLostBeforeTheGatewayHasMovedToItIsTakenBack) {
  found_ = Work("v2", "second");
  SeeChange();
  MakeReady(2);
  Advance();
  ServePage(Page(0, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v2", "reload"));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "second");
  reloader_->OnExit(3, "its process was killed");
  Advance();  // The gateway waits for it, and counts nothing.
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "first");
  EXPECT_THAT(GetFile(temp_ / "gateway.yaml"), HasSubstr(Socket(0)));
  EXPECT_THAT(host_.TakeSaid(),
              ElementsAre(HasSubstr("gpt2 v2 has ended: its process was killed")));
}

TEST_F(ReloaderTest, WhatFailsItsCheckStartsNothing) {
  checked_ = absl::DataLossError("gpt2:v2 is damaged");
  found_ = Work("v2");
  for (int i = 0; i < 2; ++i) Advance();
  std::vector<std::string> said;
  while (said.empty()) {
    Advance();
    said = host_.TakeSaid();
  }
  EXPECT_THAT(said, ElementsAre(HasSubstr("serves on: gpt2:v2 is damaged")));
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeSaid(), IsEmpty());
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
}

TEST_F(ReloaderTest, AMistakeIsSaidOnce) {
  found_ = absl::InvalidArgumentError("graph.yaml:1:1: is not YAML");
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("not reloaded, and all stays as it is: graph.yaml:1:1: "
                                            "is not YAML"));
  found_ = Work("v1");
  Advance();
  found_ = absl::InvalidArgumentError("graph.yaml:1:1: is not YAML");
  Advance();
  EXPECT_THAT(host_.TakeSaid(), ElementsAre(HasSubstr("is not YAML")));
}

}  // namespace
}  // namespace chorus
