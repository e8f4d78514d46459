#include "api_server/graph/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

config::v1::Node GenerateNode(const std::string& name, const std::string& input = "") {
  config::v1::Node node;
  node.set_name(name);
  node.mutable_generate()->set_runner("gpt2");
  node.mutable_generate()->set_input(input);
  return node;
}

config::v1::Node ClassifyNode(const std::string& name, const std::vector<std::string>& inputs) {
  config::v1::Node node;
  node.set_name(name);
  node.mutable_classify()->set_runner("bert");
  for (const std::string& input : inputs) node.mutable_classify()->add_inputs(input);
  return node;
}

config::v1::Graph GraphOf(const std::vector<config::v1::Node>& nodes) {
  config::v1::Graph config;
  config.set_name("g");
  for (const config::v1::Node& node : nodes) *config.add_nodes() = node;
  config.set_output("score");
  return config;
}

// Two generators, the second continuing the first, both scored, the second's row first.
config::v1::Graph ValidGraph() {
  return GraphOf({ClassifyNode("score", {"b", "a"}), GenerateNode("a"), GenerateNode("b", "a")});
}

absl::StatusOr<std::shared_ptr<const Graph>> Create(const config::v1::Graph& config) {
  return Graph::Create(config, {"gpt2", "bert"});
}

config::v1::GenerateNode& GenerateOf(config::v1::Graph& config, int node) {
  return *config.mutable_nodes(node)->mutable_generate();
}

config::v1::ClassifyNode& ClassifyOf(config::v1::Graph& config, int node) {
  return *config.mutable_nodes(node)->mutable_classify();
}

TEST(Graph, TurnsNamesIntoIndicesAndPutsTheOutputLast) {
  const auto graph = Create(ValidGraph());
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ((*graph)->name(), "g");
  EXPECT_FALSE((*graph)->is_of_model());
  const std::vector<Graph::Node>& nodes = (*graph)->nodes();
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[0].name, "a");
  EXPECT_EQ(nodes[0].kind, "generate");
  EXPECT_EQ(nodes[0].runner, "gpt2");
  EXPECT_THAT(nodes[0].inputs, IsEmpty());
  EXPECT_EQ(nodes[1].name, "b");
  EXPECT_THAT(nodes[1].inputs, ElementsAre(0));
  EXPECT_EQ(nodes[2].name, "score");
  EXPECT_EQ(nodes[2].kind, "classify");
  EXPECT_EQ(nodes[2].runner, "bert");
  EXPECT_THAT(nodes[2].inputs, ElementsAre(1, 0));
}

TEST(Graph, CallsANodeThatWritesOnceAndOneThatScoresForEachText) {
  const auto graph = Create(ValidGraph());
  ASSERT_TRUE(graph.ok()) << graph.status();
  std::vector<std::string> steps;
  for (const Graph::Step& step : (*graph)->steps()) {
    steps.push_back(
        absl::StrCat(step.node, " of ", absl::StrJoin(step.inputs, ","), " on ", step.text));
  }
  EXPECT_THAT(steps, ElementsAre("0 of  on 0", "1 of 0 on 1", "2 of 1 on 1", "2 of 0 on 0"));
}

TEST(Graph, OfAModelHasOneNodeWhoseTextIsTheReply) {
  const std::shared_ptr<const Graph> graph = Graph::OfModel("gpt2");
  ASSERT_EQ(graph->nodes().size(), 1u);
  EXPECT_EQ(graph->nodes()[0].name, "gpt2");
  EXPECT_EQ(graph->nodes()[0].runner, "gpt2");
  EXPECT_TRUE(graph->is_of_model());
  EXPECT_THAT(graph->outputs(), ElementsAre(0));
}

TEST(Graph, KnowsTheTextsOfTheReply) {
  config::v1::Graph config = ValidGraph();
  ClassifyOf(config, 0).mutable_inputs()->RemoveLast();
  const auto graph = Create(config);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT((*graph)->outputs(), ElementsAre(1));
  EXPECT_EQ((*graph)->output_of(0), std::nullopt);
  EXPECT_EQ((*graph)->output_of(1), 0);
}

TEST(Graph, AndItsNodesMayBeNamedAsRunnersAre) {
  config::v1::Graph config = ValidGraph();
  config.set_name("Graph.v2");
  config.mutable_nodes(2)->set_name("B.1");
  ClassifyOf(config, 0).set_inputs(0, "B.1");
  const auto graph = Create(config);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ((*graph)->name(), "Graph.v2");
}

struct Rule {
  std::string name;
  std::function<void(config::v1::Graph&)> break_it;
  std::string message;
};

class GraphRule : public testing::TestWithParam<Rule> {};

TEST_P(GraphRule, IsKept) {
  config::v1::Graph config = ValidGraph();
  GetParam().break_it(config);
  const auto graph = Create(config);
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(graph.status().message(), GetParam().message);
}

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(
    Graph, GraphRule,
    testing::ValuesIn(std::vector<Rule>{
        {"NamesTheGraph", [](config::v1::Graph& s) { s.set_name(""); },
         R"(graph "": name must match [A-Za-z0-9._-]{1,64}, not dots alone: "")"},
        {"GraphNameHasNoSlash", [](config::v1::Graph& s) { s.set_name("G/1"); },
         R"(graph "G/1": name must match [A-Za-z0-9._-]{1,64}, not dots alone: "G/1")"},
        {"GraphNameIsShort", [](config::v1::Graph& s) { s.set_name(std::string(65, 'x')); },
         "graph \"" + std::string(65, 'x') +
             "\": name must match [A-Za-z0-9._-]{1,64}, not dots alone: \"" + std::string(65, 'x') +
             "\""},
        {"NamesNodes",
         [](config::v1::Graph& s) {
           s.mutable_nodes(1)->set_name("a b");
           ClassifyOf(s, 0).set_inputs(1, "a b");
           GenerateOf(s, 2).set_input("a b");
         },
         R"(graph "g": node "a b": name must match [A-Za-z0-9._-]{1,64}, not dots alone: "a b")"},
        {"NamesAreUnique", [](config::v1::Graph& s) { *s.add_nodes() = GenerateNode("a"); },
         R"(graph "g": node "a": name must be unique in the graph: "a")"},
        {"KindIsSet", [](config::v1::Graph& s) { s.mutable_nodes(1)->clear_kind(); },
         R"(graph "g": node "a": kind must be set: write `generate:` or `classify:`)"},
        {"GeneratorRunnerIsKnown",
         [](config::v1::Graph& s) { GenerateOf(s, 1).set_runner("gpt3"); },
         R"(graph "g": node "a": runner must be one of bert, gpt2: "gpt3")"},
        {"ClassifierRunnerIsKnown", [](config::v1::Graph& s) { ClassifyOf(s, 0).set_runner(""); },
         R"(graph "g": node "score": runner must be one of bert, gpt2: "")"},
        {"InputExists", [](config::v1::Graph& s) { GenerateOf(s, 2).set_input("c"); },
         R"(graph "g": node "b": input must be a node of the graph: "c")"},
        {"InputGenerates", [](config::v1::Graph& s) { GenerateOf(s, 2).set_input("score"); },
         R"(graph "g": node "b": input must be a generate node, not a classify node: "score")"},
        {"InputsExist", [](config::v1::Graph& s) { ClassifyOf(s, 0).add_inputs("c"); },
         R"(graph "g": node "score": inputs must be a node of the graph: "c")"},
        {"InputsGenerate", [](config::v1::Graph& s) { ClassifyOf(s, 0).add_inputs("score"); },
         R"(graph "g": node "score": inputs must be a generate node, not a classify node: "score")"},
        {"InputsAreThere", [](config::v1::Graph& s) { ClassifyOf(s, 0).clear_inputs(); },
         R"(graph "g": node "score": inputs must name at least one generate node)"},
        {"InputsDiffer", [](config::v1::Graph& s) { ClassifyOf(s, 0).add_inputs("a"); },
         R"(graph "g": node "score": inputs must name a node once: "a")"},
        {"OutputExists", [](config::v1::Graph& s) { s.set_output("scores"); },
         R"(graph "g": output must be a node of the graph: "scores")"},
        {"OutputClassifies", [](config::v1::Graph& s) { s.set_output("a"); },
         R"(graph "g": output must be a classify node, not a generate node: "a")"},
        {"EveryGeneratorIsUsed",
         [](config::v1::Graph& s) { *s.add_nodes() = GenerateNode("c", "b"); },
         R"(graph "g": node "c": is not used: nothing leads from it to output "score")"},
        {"EveryClassifierIsUsed",
         [](config::v1::Graph& s) { *s.add_nodes() = ClassifyNode("other", {"a"}); },
         R"(graph "g": node "other": is not used: nothing leads from it to output "score")"},
        {"MaxLengthIsPositive", [](config::v1::Graph& s) { GenerateOf(s, 1).set_max_length(0); },
         R"(graph "g": node "a": max_length must be at least 1: 0)"},
        {"MaxNewTokensIsPositive",
         [](config::v1::Graph& s) { GenerateOf(s, 1).set_max_new_tokens(0); },
         R"(graph "g": node "a": max_new_tokens must be at least 1: 0)"},
        {"TemperatureIsNotNegative",
         [](config::v1::Graph& s) { GenerateOf(s, 1).set_temperature(-0.5); },
         R"(graph "g": node "a": temperature must be finite and at least 0 (0 takes the likeliest )"
         R"(token each time): -0.5)"},
        {"TemperatureIsANumber",
         [](config::v1::Graph& s) { GenerateOf(s, 1).set_temperature(kNan); },
         R"(graph "g": node "a": temperature must be finite and at least 0 (0 takes the likeliest )"
         R"(token each time): nan)"},
        {"TemperatureIsFinite",
         [](config::v1::Graph& s) { GenerateOf(s, 1).set_temperature(kInfinity); },
         R"(graph "g": node "a": temperature must be finite and at least 0 (0 takes the likeliest )"
         R"(token each time): inf)"},
        {"TopPIsPositive", [](config::v1::Graph& s) { GenerateOf(s, 1).set_top_p(0); },
         R"(graph "g": node "a": top_p must be greater than 0 and at most 1: 0)"},
        {"TopPIsAtMostOne", [](config::v1::Graph& s) { GenerateOf(s, 1).set_top_p(1.5); },
         R"(graph "g": node "a": top_p must be greater than 0 and at most 1: 1.5)"},
        {"TopPIsANumber", [](config::v1::Graph& s) { GenerateOf(s, 1).set_top_p(kNan); },
         R"(graph "g": node "a": top_p must be greater than 0 and at most 1: nan)"},
        {"MinPIsAtMostOne", [](config::v1::Graph& s) { GenerateOf(s, 1).set_min_p(1.5); },
         R"(graph "g": node "a": min_p must be 0 to 1: 1.5)"},
        {"RepetitionPenaltyIsPositive",
         [](config::v1::Graph& s) { GenerateOf(s, 1).set_repetition_penalty(0); },
         R"(graph "g": node "a": repetition_penalty must be finite and greater than 0: 0)"},
        {"StopStringsAreNotEmpty",
         [](config::v1::Graph& s) {
           GenerateOf(s, 1).add_stop("a");
           GenerateOf(s, 1).add_stop("");
         },
         R"(graph "g": node "a": stop[1] must have 1 to 1024 bytes: 0)"},
    }),
    [](const testing::TestParamInfo<Rule>& info) { return info.param.name; });

std::string ErrorOf(const config::v1::Graph& config) {
  return std::string(Create(config).status().message());
}

TEST(Graph, RejectsCycle) {
  config::v1::Graph config = ValidGraph();
  GenerateOf(config, 1).set_input("b");
  EXPECT_EQ(ErrorOf(config),
            R"(graph "g": node "a": input must not lead back to the node: a <- b <- a)");
}

TEST(Graph, RejectsNodeThatReadsItself) {
  config::v1::Graph config = ValidGraph();
  GenerateOf(config, 1).set_input("a");
  EXPECT_EQ(ErrorOf(config),
            R"(graph "g": node "a": input must not lead back to the node: a <- a)");
}

TEST(Graph, NamesTheCycleAndNotWhatOnlyLeadsIntoIt) {
  const config::v1::Graph config =
      GraphOf({GenerateNode("before", "x"), GenerateNode("x", "y"), GenerateNode("y", "x"),
               ClassifyNode("score", {"before"})});
  EXPECT_EQ(ErrorOf(config),
            R"(graph "g": node "x": input must not lead back to the node: x <- y <- x)");
}

TEST(Graph, RejectsGraphWithoutNodes) {
  EXPECT_EQ(ErrorOf(GraphOf({})),
            "graph \"g\": nodes must not be empty\n"
            "graph \"g\": output must be a node of the graph: \"score\"");
}

TEST(Graph, TellsAllThatIsWrongAtOnce) {
  config::v1::Graph config = ValidGraph();
  config.set_name("no graph");
  config.set_output("nothing");
  GenerateOf(config, 1).set_temperature(-1);
  GenerateOf(config, 1).set_max_length(0);
  GenerateOf(config, 2).set_runner("gpt3");
  const std::string error = ErrorOf(config);
  EXPECT_THAT(error, HasSubstr("name must match"));
  EXPECT_THAT(error, HasSubstr("output must be a node"));
  EXPECT_THAT(error, HasSubstr("temperature must be finite and at least 0"));
  EXPECT_THAT(error, HasSubstr("max_length must be at least 1: 0"));
  EXPECT_THAT(error, HasSubstr("\"gpt3\""));
}

TEST(Graph, SaysWhenThereIsNoRunnerAtAll) {
  EXPECT_THAT(std::string(Graph::Create(ValidGraph(), {}).status().message()),
              HasSubstr("runner must be one of none: \"bert\""));
}

}  // namespace
}  // namespace chorus::gateway
