#include "cli/bench/sweep_plan.h"

#include <gmock/gmock.h>

namespace chorus::bench {
namespace {

using ::testing::ElementsAre;

// The rates that are tried of a server that keeps up with `capacity`.
std::vector<double> Try(SweepPlan& plan, double capacity) {
  std::vector<double> rates;
  while (const std::optional<double> rate = plan.Next()) {
    rates.push_back(*rate);
    plan.Add(*rate <= capacity);
    if (rates.size() > 100) break;
  }
  return rates;
}

TEST(SweepPlan, TakesJustTheRatesItIsGiven) {
  SweepPlan plan({10, 5, 40});
  EXPECT_THAT(Try(plan, 20), ElementsAre(10, 5, 40));
  EXPECT_EQ(plan.knee(), 10);
}

TEST(SweepPlan, FindsTheKneeFromBelowAndFromAbove) {
  for (const double first : {1.0, 70.0, 90.0, 5000.0}) {
    SweepPlan plan(first, {});
    const size_t num_tried = Try(plan, 100).size();
    EXPECT_LE(plan.knee(), 100) << first;
    EXPECT_GE(plan.knee(), 100 / 1.1) << first;
    EXPECT_LE(num_tried, 14u) << first;
  }
}

TEST(SweepPlan, ThenTakesMultiplesOfTheKnee) {
  SweepPlan plan(100, {0.5, 3});
  std::vector<double> rates = Try(plan, 100);
  const double three = rates.back();
  rates.pop_back();
  EXPECT_DOUBLE_EQ(rates.back() * 6, three);
  EXPECT_DOUBLE_EQ(plan.knee() * 3, three);
}

TEST(SweepPlan, AKneeThatMovesMeanwhileDoesNotMoveTheMultiples) {
  SweepPlan plan(100, {1, 1.05, 2});
  while (plan.Next() && *plan.Next() != plan.knee()) plan.Add(*plan.Next() <= 100);
  const double knee = plan.knee();
  plan.Add(true);
  EXPECT_DOUBLE_EQ(*plan.Next(), knee * 1.05);
  plan.Add(true);
  EXPECT_DOUBLE_EQ(*plan.Next(), knee * 2);
}

TEST(SweepPlan, GivesUpOnAServerThatKeepsUpWithNothing) {
  SweepPlan plan(100, {1, 2});
  EXPECT_EQ(Try(plan, 0).size(), 24u);
  EXPECT_EQ(plan.knee(), 0);
}

}  // namespace
}  // namespace chorus::bench
