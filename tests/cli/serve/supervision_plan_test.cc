#include "cli/serve/supervision_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Actions = SupervisionPlan::Actions;

constexpr ChildExit kSuccess{false, 0};
constexpr ChildExit kFailure{false, 1};
constexpr ChildExit kCrash{true, SIGSEGV};
constexpr size_t kGpt = 0, kBert = 1, kGateway = 2;

// Actions as words: "start 0", "terminate 2", "kill 1", "say ...".
std::vector<std::string> Words(const Actions& actions) {
  using Kind = SupervisionPlan::Action::Kind;
  std::vector<std::string> words;
  for (const auto& action : actions) {
    const std::string child = std::to_string(action.child);
    words.push_back(action.kind == Kind::kStart       ? "start " + child
                    : action.kind == Kind::kTerminate ? "terminate " + child
                    : action.kind == Kind::kKill      ? "kill " + child
                                                      : "say " + action.text);
  }
  return words;
}

class SupervisionPlanTest : public ::testing::Test {
 protected:
  // Time in whole seconds.
  std::vector<std::string> Advance(int now) { return Words(plan_.Advance(absl::Seconds(now))); }
  std::vector<std::string> Exit(size_t child, ChildExit exit, int now, const char* line = "") {
    return Words(plan_.OnExit(child, exit, line, absl::Seconds(now)));
  }
  std::vector<std::string> Stop(int now, int signal = SIGINT) {
    return Words(plan_.OnStopSignal(signal, absl::Seconds(now)));
  }
  double Deadline() const { return absl::ToDoubleSeconds(plan_.next_deadline()); }

  SupervisionPlan plan_{{{.name = "gpt", .stop_stage = 1},
                         {.name = "bert", .stop_stage = 1},
                         {.name = "gateway", .stop_stage = 0, .essential = true}},
                        {.stop_timeout = absl::Seconds(30)}};
};

TEST_F(SupervisionPlanTest, StartsEveryoneOnce) {
  EXPECT_THAT(Advance(0), ElementsAre("start 0", "start 1", "start 2"));
  EXPECT_THAT(Advance(1), IsEmpty());
  EXPECT_EQ(plan_.next_deadline(), absl::InfiniteDuration());
  EXPECT_FALSE(plan_.finished());
}

TEST_F(SupervisionPlanTest, RestartsWhatExitsAfterItsBackoff) {
  Advance(0);
  EXPECT_THAT(
      Exit(kGpt, kCrash, 5),
      ElementsAre(
          "say gpt was killed by signal 11 (Segmentation fault); starting it again in 500ms"));
  EXPECT_EQ(Deadline(), 5.5);
  EXPECT_THAT(Advance(5), IsEmpty());
  EXPECT_THAT(Advance(6), ElementsAre("start 0"));
  EXPECT_THAT(Exit(kGpt, kCrash, 6), ElementsAre(HasSubstr("starting it again in 1s")));
  EXPECT_EQ(Deadline(), 7);
  EXPECT_THAT(Advance(7), ElementsAre("start 0"));
  EXPECT_THAT(Exit(kGpt, kSuccess, 37),
              ElementsAre("say gpt exited with status 0; starting it again in 500ms"));
}

TEST_F(SupervisionPlanTest, ReportsWhatCannotStartWithItsLastWordsAndTheOthersGoOn) {
  Advance(0);
  Exit(kGpt, kFailure, 1, "no weights");
  Advance(2);
  Exit(kGpt, kFailure, 3, "no weights");
  Advance(4);
  EXPECT_THAT(
      Exit(kGpt, kFailure, 5, "no weights"),
      ElementsAre("say gpt cannot start, after 3 tries (exited with status 1); it last said: no "
                  "weights; the others go on, and it is tried again at least every 10s"));
  EXPECT_FALSE(plan_.stopping());
  EXPECT_THAT(Advance(7), ElementsAre("start 0"));
}

TEST_F(SupervisionPlanTest, AGatewayThatGivesUpBeforeItWasReadyEndsAll) {
  Advance(0);
  EXPECT_THAT(Exit(kGateway, kFailure, 1, "graph.yaml:3: no such runner"),
              ElementsAre("say gateway cannot start (exited with status 1); it last said: "
                          "graph.yaml:3: no such runner",
                          "terminate 0", "terminate 1"));
  Exit(kGpt, kSuccess, 2);
  Exit(kBert, kSuccess, 2);
  EXPECT_TRUE(plan_.finished());
  EXPECT_EQ(plan_.exit_status(), 1);
}

TEST_F(SupervisionPlanTest, TellsWhatToDoAboutAnEssentialChildThatGivesUp) {
  SupervisionPlan plan({{.name = "gpt", .essential = true, .advice = "pull it again"}}, {});
  plan.Advance(absl::ZeroDuration());
  EXPECT_THAT(Words(plan.OnExit(0, kFailure, "no weights", absl::Seconds(1))),
              ElementsAre("say gpt cannot start (exited with status 1); it last said: no weights; "
                          "pull it again"));
  EXPECT_TRUE(plan.finished());
  EXPECT_EQ(plan.exit_status(), 1);
}

TEST_F(SupervisionPlanTest, AnEssentialChildThatWasToldToEndIsRestarted) {
  Advance(0);
  EXPECT_THAT(Exit(kGateway, kSuccess, 1), ElementsAre(HasSubstr("starting it again")));
}

TEST_F(SupervisionPlanTest, AGatewayThatCrashesOrWasReadyIsRestarted) {
  Advance(0);
  EXPECT_THAT(Exit(kGateway, kCrash, 1), ElementsAre(HasSubstr("starting it again")));
  Advance(2);
  plan_.OnReady();
  EXPECT_THAT(Exit(kGateway, kFailure, 3), ElementsAre(HasSubstr("starting it again")));
  EXPECT_FALSE(plan_.stopping());
}

TEST_F(SupervisionPlanTest, StopsTheGatewayFirstThenTheRunners) {
  Advance(0);
  EXPECT_THAT(Stop(10), ElementsAre(HasSubstr("draining"), "terminate 2"));
  EXPECT_EQ(Deadline(), 40);
  EXPECT_THAT(Advance(20), IsEmpty());
  EXPECT_THAT(Exit(kGateway, kSuccess, 25), ElementsAre("terminate 0", "terminate 1"));
  EXPECT_EQ(Deadline(), 55);
  EXPECT_THAT(Exit(kBert, kSuccess, 26), IsEmpty());
  EXPECT_FALSE(plan_.finished());
  EXPECT_THAT(Exit(kGpt, kSuccess, 27), IsEmpty());
  EXPECT_TRUE(plan_.finished());
  EXPECT_EQ(plan_.exit_status(), 0);
}

TEST_F(SupervisionPlanTest, StartsNothingOnceStopping) {
  Advance(0);
  Exit(kGpt, kCrash, 1);  // Due again at 1.5.
  EXPECT_THAT(Stop(1), ElementsAre(HasSubstr("draining"), "terminate 2"));
  EXPECT_THAT(Advance(2), IsEmpty());
  EXPECT_THAT(Exit(kBert, kCrash, 3), ElementsAre("say bert was killed by signal 11 (Segmentation "
                                                  "fault) while stopping"));
  EXPECT_THAT(Advance(20), IsEmpty());
  EXPECT_THAT(Exit(kGateway, kSuccess, 21), IsEmpty());
  EXPECT_TRUE(plan_.finished());
}

TEST_F(SupervisionPlanTest, KillsAStageThatDoesNotEndInTime) {
  Advance(0);
  Stop(10);
  EXPECT_THAT(Advance(39), IsEmpty());
  EXPECT_THAT(Advance(40),
              ElementsAre("say gateway did not stop within 30s; killing it", "kill 2"));
  EXPECT_EQ(plan_.next_deadline(), absl::InfiniteDuration());
  EXPECT_THAT(Advance(41), IsEmpty());
  EXPECT_THAT(Exit(kGateway, {true, SIGKILL}, 42),
              ElementsAre(HasSubstr("while stopping"), "terminate 0", "terminate 1"));
  EXPECT_THAT(Advance(72),
              ElementsAre(HasSubstr("gpt did not"), HasSubstr("bert did not"), "kill 0", "kill 1"));
  Exit(kGpt, {true, SIGKILL}, 73);
  Exit(kBert, {true, SIGKILL}, 73);
  EXPECT_TRUE(plan_.finished());
  EXPECT_EQ(plan_.exit_status(), 1);
}

TEST_F(SupervisionPlanTest, ASecondSignalKillsEveryone) {
  Advance(0);
  Stop(10);
  EXPECT_THAT(Stop(11, SIGTERM), ElementsAre("say stopping at once", "kill 0", "kill 1", "kill 2"));
  EXPECT_THAT(Stop(11), IsEmpty());
  for (const size_t child : {kGpt, kBert, kGateway}) {
    EXPECT_THAT(Exit(child, {true, SIGKILL}, 12), IsEmpty());
  }
  EXPECT_TRUE(plan_.finished());
  EXPECT_EQ(plan_.exit_status(), 128 + SIGTERM);
}

TEST_F(SupervisionPlanTest, StopBeforeAnyStartEndsAtOnce) {
  Stop(0);
  EXPECT_THAT(Advance(0), IsEmpty());
  EXPECT_TRUE(plan_.finished());
  EXPECT_EQ(plan_.exit_status(), 0);
}

TEST_F(SupervisionPlanTest, AnotherChildIsStartedAndOnTrialNotAgain) {
  Advance(0);
  EXPECT_EQ(plan_.Add({.name = "new", .stop_stage = 1}, /*restarts=*/false), 3u);
  EXPECT_THAT(Advance(1), ElementsAre("start 3"));
  EXPECT_THAT(Exit(3, kFailure, 2), IsEmpty());
  EXPECT_THAT(Advance(100), IsEmpty());
  EXPECT_EQ(plan_.Add({.name = "new", .stop_stage = 1}, /*restarts=*/false), 4u);
  EXPECT_THAT(Advance(101), ElementsAre("start 4"));
  plan_.SetRestarts(4, true);
  EXPECT_THAT(Exit(4, kCrash, 150), ElementsAre(HasSubstr("starting it again")));
}

TEST(DescribeFailure, GivesTheReasonOrHowItEnded) {
  EXPECT_EQ(DescribeFailure(kFailure, "runner_server: no weights"),
            "runner_server: no weights (it exited with status 1)");
  EXPECT_EQ(DescribeFailure(kFailure, ""), "its process exited with status 1");
  EXPECT_EQ(DescribeFailure(kSuccess, "I1128 stopping"), "its process exited with status 0");
  EXPECT_EQ(DescribeFailure(kCrash, "I1128 loading"),
            "its process was killed by signal 11 (Segmentation fault)");
  EXPECT_EQ(DescribeFailure({true, SIGKILL}, "I1128 loading"),
            "its process was killed by signal 9 (Killed); memory may have run out");
}

TEST_F(SupervisionPlanTest, OneChildIsStoppedForGoodAndKilledWhenItDoesNotListen) {
  Advance(0);
  EXPECT_THAT(Words(plan_.Stop(kBert, absl::Seconds(10))), ElementsAre("terminate 1"));
  EXPECT_THAT(Words(plan_.Stop(kBert, absl::Seconds(20))), IsEmpty());
  EXPECT_EQ(Deadline(), 40);
  EXPECT_THAT(Advance(39), IsEmpty());
  EXPECT_THAT(Advance(40), ElementsAre("kill 1"));
  EXPECT_THAT(Advance(41), IsEmpty());
  EXPECT_THAT(Exit(kBert, {true, SIGKILL}, 41), IsEmpty());
  EXPECT_THAT(Advance(100), IsEmpty());
  EXPECT_EQ(plan_.next_deadline(), absl::InfiniteDuration());
  EXPECT_THAT(Stop(101), ElementsAre(HasSubstr("draining"), "terminate 2"));
}

TEST_F(SupervisionPlanTest, AChildThatWaitsToBeStartedAgainIsLeft) {
  Advance(0);
  Exit(kGpt, kCrash, 50);
  EXPECT_THAT(Words(plan_.Stop(kGpt, absl::Seconds(50))), IsEmpty());
  EXPECT_THAT(Advance(100), IsEmpty());
}

}  // namespace
}  // namespace chorus
