#include "cli/serve/restart_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace chorus {
namespace {

using ::testing::ElementsAre;

constexpr ChildExit kFailure{false, 1};
constexpr ChildExit kCrash{true, 11};
constexpr ChildExit kSuccess{false, 0};

struct Event {
  ChildExit exit;
  absl::Duration ran_for;
};

std::vector<RestartPolicy::Decision> Decide(const std::vector<Event>& events) {
  RestartPolicy policy({});
  std::vector<RestartPolicy::Decision> decisions;
  for (const Event& event : events) decisions.push_back(policy.OnExit(event.exit, event.ran_for));
  return decisions;
}

std::vector<double> Delays(const std::vector<Event>& events) {
  std::vector<double> delays;
  for (const auto& decision : Decide(events))
    delays.push_back(absl::ToDoubleSeconds(decision.delay));
  return delays;
}

std::vector<bool> Reports(const std::vector<Event>& events) {
  std::vector<bool> reports;
  for (const auto& decision : Decide(events)) reports.push_back(decision.report);
  return reports;
}

TEST(RestartPolicy, DoublesTheDelayUpToItsMost) {
  const Event quick{kCrash, absl::Seconds(1)};
  EXPECT_THAT(Delays(std::vector<Event>(8, quick)), ElementsAre(0.5, 1, 2, 4, 8, 10, 10, 10));
  EXPECT_THAT(Delays(std::vector<Event>(1000, quick)).back(), 10);
}

TEST(RestartPolicy, AHealthyRunWipesTheSlate) {
  const Event quick{kFailure, absl::Seconds(1)};
  EXPECT_THAT(Delays({quick, quick, quick, {kCrash, absl::Seconds(30)}, quick}),
              ElementsAre(0.5, 1, 2, 0.5, 1));
  EXPECT_THAT(Delays({quick, quick, {kCrash, absl::Milliseconds(29999)}, quick}),
              ElementsAre(0.5, 1, 2, 4));
}

TEST(RestartPolicy, ReportsTheThirdFailedStartInARowOnce) {
  const Event failed{kFailure, absl::Seconds(1)};
  EXPECT_THAT(Reports({failed, failed, failed, failed, failed}),
              ElementsAre(false, false, true, false, false));
  // Neither crashes nor ends without an error are a model that cannot load.
  EXPECT_THAT(Reports({failed, failed, {kCrash, absl::Seconds(1)}, failed, failed, failed}),
              ElementsAre(false, false, false, false, false, true));
  EXPECT_THAT(Reports({failed, failed, {kSuccess, absl::Seconds(1)}, failed}),
              ElementsAre(false, false, false, false));
  EXPECT_THAT(Reports({failed, failed, {kFailure, absl::Hours(1)}, failed, failed, failed}),
              ElementsAre(false, false, false, false, false, true));
}

TEST(RestartPolicy, CountsTheFailedStarts) {
  const Event failed{kFailure, absl::Seconds(1)};
  EXPECT_EQ(Decide({failed, failed, failed}).back().num_failed_starts, 3);
  EXPECT_EQ(Decide({failed, {kCrash, absl::Seconds(1)}}).back().num_failed_starts, 0);
}

}  // namespace
}  // namespace chorus
