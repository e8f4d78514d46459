#include "api_server/graph/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace chorus {

std::ostream& operator<<(std::ostream& out, const Plan::Step& step) {
  return out << (step.kind == Plan::Step::kGenerate ? "generate " : "classify ") << step.index;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

Plan::Step Generate(int index) { return {Plan::Step::kGenerate, index}; }
Plan::Step Classify(int row) { return {Plan::Step::kClassify, row}; }

// `generators` are (name, input) pairs.
std::shared_ptr<const Graph> MakeGraph(
    const std::vector<std::pair<std::string, std::string>>& generators,
    std::vector<std::string> rows) {
  GraphSpec spec{.name = "g", .output = "score"};
  for (const auto& [name, input] : generators) {
    spec.nodes.push_back(
        {.name = name, .kind = GraphSpec::Generate{.runner = "r", .input = input}});
  }
  spec.nodes.push_back(
      {.name = "score", .kind = GraphSpec::Classify{.runner = "r", .inputs = std::move(rows)}});
  auto graph = Graph::Create(spec, {"r"});
  EXPECT_TRUE(graph.ok()) << graph.status();
  return *std::move(graph);
}

TEST(Plan, ScoresEachTextAsItEnds) {
  const auto graph = MakeGraph({{"a", ""}, {"b", ""}, {"c", ""}}, {"c", "a", "b"});
  Plan plan(*graph);
  EXPECT_THAT(plan.Start(), ElementsAre(Generate(0), Generate(1), Generate(2)));
  EXPECT_THAT(plan.Complete(Generate(1)), ElementsAre(Classify(2)));
  EXPECT_THAT(plan.Complete(Classify(2)), IsEmpty());
  EXPECT_THAT(plan.Complete(Generate(2)), ElementsAre(Classify(0)));
  EXPECT_THAT(plan.Complete(Generate(0)), ElementsAre(Classify(1)));
  EXPECT_THAT(plan.Complete(Classify(0)), IsEmpty());
  EXPECT_FALSE(plan.Done());
  EXPECT_THAT(plan.Complete(Classify(1)), IsEmpty());
  EXPECT_TRUE(plan.Done());
}

TEST(Plan, StartsAContinuationWhenItsPromptIsThere) {
  // Declared backwards: order in the file has no meaning for what depends on what.
  const auto graph = MakeGraph({{"c", "b"}, {"b", "a"}, {"a", ""}}, {"c"});
  Plan plan(*graph);
  EXPECT_THAT(plan.Start(), ElementsAre(Generate(2)));
  EXPECT_THAT(plan.Complete(Generate(2)), ElementsAre(Generate(1)));
  EXPECT_THAT(plan.Complete(Generate(1)), ElementsAre(Generate(0)));
  EXPECT_THAT(plan.Complete(Generate(0)), ElementsAre(Classify(0)));
  EXPECT_FALSE(plan.Done());
  plan.Complete(Classify(0));
  EXPECT_TRUE(plan.Done());
}

TEST(Plan, GivesATextToEveryoneWhoWaitsForIt) {
  const auto graph = MakeGraph({{"a", ""}, {"b", "a"}, {"c", "a"}}, {"b", "a", "c"});
  Plan plan(*graph);
  EXPECT_THAT(plan.Start(), ElementsAre(Generate(0)));
  EXPECT_THAT(plan.Complete(Generate(0)),
              UnorderedElementsAre(Generate(1), Generate(2), Classify(1)));
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
    std::vector<Plan::Step> open = plan.Start();
    std::set<std::pair<int, int>> seen;
    size_t depth = 0;
    for (; !open.empty() && (depth < prefix.size()); ++depth) {
      const Plan::Step step = open[prefix[depth]];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(prefix[depth]));
      EXPECT_FALSE(plan.Done());
      EXPECT_TRUE(seen.insert({step.kind, step.index}).second) << step;
      for (const Plan::Step next : plan.Complete(step)) open.push_back(next);
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
}  // namespace chorus
