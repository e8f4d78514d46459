#include "api_server/graph/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace chorus::gateway {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// `generators` are (name, input) pairs. Their steps come first, then those of the rows.
std::shared_ptr<const Graph> MakeGraph(
    const std::vector<std::pair<std::string, std::string>>& generators,
    const std::vector<std::string>& rows) {
  config::v1::Graph config;
  config.set_name("g");
  config.set_output("score");
  for (const auto& [name, input] : generators) {
    config::v1::Node& node = *config.add_nodes();
    node.set_name(name);
    node.mutable_generate()->set_runner("r");
    node.mutable_generate()->set_input(input);
  }
  config::v1::Node& score = *config.add_nodes();
  score.set_name("score");
  score.mutable_classify()->set_runner("r");
  for (const std::string& row : rows) score.mutable_classify()->add_inputs(row);
  auto graph = Graph::Create(config, {"r"});
  EXPECT_TRUE(graph.ok()) << graph.status();
  return *std::move(graph);
}

TEST(Plan, ScoresEachTextAsItEnds) {
  const auto graph = MakeGraph({{"a", ""}, {"b", ""}, {"c", ""}}, {"c", "a", "b"});
  Plan plan(*graph);
  EXPECT_THAT(plan.Start(), ElementsAre(0, 1, 2));
  EXPECT_THAT(plan.Complete(1), ElementsAre(5));
  EXPECT_THAT(plan.Complete(5), IsEmpty());
  EXPECT_THAT(plan.Complete(2), ElementsAre(3));
  EXPECT_THAT(plan.Complete(0), ElementsAre(4));
  EXPECT_THAT(plan.Complete(3), IsEmpty());
  EXPECT_FALSE(plan.Done());
  EXPECT_THAT(plan.Complete(4), IsEmpty());
  EXPECT_TRUE(plan.Done());
}

TEST(Plan, StartsAContinuationWhenItsPromptIsThere) {
  // Declared backwards: order in the file has no meaning for what depends on what.
  const auto graph = MakeGraph({{"c", "b"}, {"b", "a"}, {"a", ""}}, {"c"});
  Plan plan(*graph);
  EXPECT_THAT(plan.Start(), ElementsAre(2));
  EXPECT_THAT(plan.Complete(2), ElementsAre(1));
  EXPECT_THAT(plan.Complete(1), ElementsAre(0));
  EXPECT_THAT(plan.Complete(0), ElementsAre(3));
  EXPECT_FALSE(plan.Done());
  plan.Complete(3);
  EXPECT_TRUE(plan.Done());
}

TEST(Plan, GivesATextToEveryoneWhoWaitsForIt) {
  const auto graph = MakeGraph({{"a", ""}, {"b", "a"}, {"c", "a"}}, {"b", "a", "c"});
  Plan plan(*graph);
  EXPECT_THAT(plan.Start(), ElementsAre(0));
  EXPECT_THAT(plan.Complete(0), UnorderedElementsAre(1, 2, 4));
}

// Whatever the order of the answers, every step comes exactly once and the plan is done at the end.
TEST(Plan, HandsOutEveryStepOnceInEveryOrder) {
  const auto graph = MakeGraph({{"a", ""}, {"b", "a"}, {"c", ""}}, {"a", "b", "c"});
  int num_orders = 0;
  std::vector<std::vector<size_t>> choices = {{}};
  while (!choices.empty()) {
    const std::vector<size_t> prefix = choices.back();
    choices.pop_back();
    Plan plan(*graph);
    std::vector<int> open = plan.Start();
    std::set<int> seen;
    size_t depth = 0;
    for (; !open.empty() && (depth < prefix.size()); ++depth) {
      const int step = open[prefix[depth]];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(prefix[depth]));
      EXPECT_FALSE(plan.Done());
      EXPECT_TRUE(seen.insert(step).second) << step;
      for (const int next : plan.Complete(step)) open.push_back(next);
    }
    if (open.empty()) {
      ++num_orders;
      EXPECT_TRUE(plan.Done());
      EXPECT_EQ(seen.size(), 6u);
      continue;
    }
    for (size_t i = 0; i < open.size(); ++i) {
      choices.push_back(prefix);
      choices.back().push_back(i);
    }
  }
  // The linear extensions of a < b < score b, a < score a, c < score c.
  EXPECT_EQ(num_orders, 45);
}

}  // namespace
}  // namespace chorus::gateway
