#include "api_server/graph/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

GraphSpec::Node GenerateNode(std::string name, std::string input = "") {
  return {.name = std::move(name),
          .kind = GraphSpec::Generate{.runner = "gpt2", .input = std::move(input)}};
}

GraphSpec::Node ClassifyNode(std::string name, std::vector<std::string> inputs) {
  return {.name = std::move(name),
          .kind = GraphSpec::Classify{.runner = "bert", .inputs = std::move(inputs)}};
}

// Two generators, the second continuing the first, both scored, the second's row first.
GraphSpec ValidSpec() {
  return {.name = "g",
          .nodes = {ClassifyNode("score", {"b", "a"}), GenerateNode("a"), GenerateNode("b", "a")},
          .output = "score"};
}

absl::StatusOr<std::shared_ptr<const Graph>> Create(const GraphSpec& spec) {
  return Graph::Create(spec, {"gpt2", "bert"});
}

GraphSpec::Generate& GenerateOf(GraphSpec& spec, size_t node) {
  return std::get<GraphSpec::Generate>(spec.nodes[node].kind);
}

GraphSpec::Classify& ClassifyOf(GraphSpec& spec, size_t node) {
  return std::get<GraphSpec::Classify>(spec.nodes[node].kind);
}

TEST(Graph, TurnsNamesIntoIndices) {
  const auto graph = Create(ValidSpec());
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ((*graph)->name(), "g");
  ASSERT_EQ((*graph)->generators().size(), 2u);
  EXPECT_EQ((*graph)->generators()[0].name, "a");
  EXPECT_EQ((*graph)->generators()[0].runner, "gpt2");
  EXPECT_EQ((*graph)->generators()[0].input, std::nullopt);
  EXPECT_EQ((*graph)->generators()[1].name, "b");
  EXPECT_EQ((*graph)->generators()[1].input, 0);
  EXPECT_EQ((*graph)->classifier().name, "score");
  EXPECT_EQ((*graph)->classifier().runner, "bert");
  EXPECT_THAT((*graph)->classifier().inputs, ElementsAre(1, 0));
}

TEST(Graph, KeepsWhatIsSet) {
  GraphSpec spec = ValidSpec();
  v1::GenerationParams& b = GenerateOf(spec, 2).defaults;
  b.set_max_length(7);
  b.set_max_new_tokens(3);
  b.set_do_sample(false);
  b.set_temperature(0.5);
  b.set_top_k(0);
  b.set_top_p(0.25);
  b.set_min_p(0.125);
  b.set_repetition_penalty(1.5);
  b.add_stop("END");
  const auto graph = Create(spec);
  ASSERT_TRUE(graph.ok()) << graph.status();
  // Who knows the model says what is best where nothing is said.
  EXPECT_EQ((*graph)->generators()[0].defaults.ByteSizeLong(), 0u);
  const v1::GenerationParams& set = (*graph)->generators()[1].defaults;
  EXPECT_EQ(set.SerializeAsString(), b.SerializeAsString());
}

TEST(Graph, OfAModelHasOneGeneratorWhoseTextIsTheReply) {
  const std::shared_ptr<const Graph> graph = Graph::OfModel("gpt2");
  ASSERT_EQ(graph->generators().size(), 1u);
  EXPECT_EQ(graph->generators()[0].runner, "gpt2");
  EXPECT_FALSE(graph->has_classifier());
  EXPECT_THAT(graph->outputs(), ElementsAre(0));
}

TEST(Graph, KnowsTheTextsOfTheReply) {
  GraphSpec spec = ValidSpec();
  ClassifyOf(spec, 0).inputs = {"b"};
  const auto graph = Create(spec);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT((*graph)->outputs(), ElementsAre(1));
  EXPECT_EQ((*graph)->output_of(0), std::nullopt);
  EXPECT_EQ((*graph)->output_of(1), 0);
}

struct Rule {
  std::string name;
  std::function<void(GraphSpec&)> break_it;
  std::string message;
};

class GraphRule : public testing::TestWithParam<Rule> {};

TEST_P(GraphRule, IsKept) {
  GraphSpec spec = ValidSpec();
  GetParam().break_it(spec);
  const auto graph = Create(spec);
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(graph.status().message(), GetParam().message);
}

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(
    Graph, GraphRule,
    testing::ValuesIn(std::vector<Rule>{
        {"NamesTheGraph", [](GraphSpec& s) { s.name = ""; },
         R"(graph "": name must match [a-z0-9_-]{1,64}: "")"},
        {"GraphNameIsLowerCase", [](GraphSpec& s) { s.name = "G"; },
         R"(graph "G": name must match [a-z0-9_-]{1,64}: "G")"},
        {"GraphNameIsShort", [](GraphSpec& s) { s.name = std::string(65, 'x'); },
         "graph \"" + std::string(65, 'x') + "\": name must match [a-z0-9_-]{1,64}: \"" +
             std::string(65, 'x') + "\""},
        {"NamesNodes",
         [](GraphSpec& s) {
           s.nodes[1].name = "a b";
           ClassifyOf(s, 0).inputs[1] = "a b";
           GenerateOf(s, 2).input = "a b";
         },
         R"(graph "g": node "a b": name must match [a-z0-9_-]{1,64}: "a b")"},
        {"NamesAreUnique", [](GraphSpec& s) { s.nodes.push_back(GenerateNode("a")); },
         R"(graph "g": node "a": name must be unique in the graph: "a")"},
        {"KindIsSet", [](GraphSpec& s) { s.nodes[1].kind = std::monostate(); },
         R"(graph "g": node "a": kind must be set: write `generate:` or `classify:`)"},
        {"GeneratorRunnerIsKnown", [](GraphSpec& s) { GenerateOf(s, 1).runner = "gpt3"; },
         R"(graph "g": node "a": runner must be one of bert, gpt2: "gpt3")"},
        {"ClassifierRunnerIsKnown", [](GraphSpec& s) { ClassifyOf(s, 0).runner = ""; },
         R"(graph "g": node "score": runner must be one of bert, gpt2: "")"},
        {"InputExists", [](GraphSpec& s) { GenerateOf(s, 2).input = "c"; },
         R"(graph "g": node "b": input must be a node of the graph: "c")"},
        {"InputGenerates", [](GraphSpec& s) { GenerateOf(s, 2).input = "score"; },
         R"(graph "g": node "b": input must be a generate node, not a classify node: "score")"},
        {"InputsExist", [](GraphSpec& s) { ClassifyOf(s, 0).inputs.push_back("c"); },
         R"(graph "g": node "score": inputs must be a node of the graph: "c")"},
        {"InputsGenerate", [](GraphSpec& s) { ClassifyOf(s, 0).inputs.push_back("score"); },
         R"(graph "g": node "score": inputs must be a generate node, not a classify node: "score")"},
        {"InputsAreThere", [](GraphSpec& s) { ClassifyOf(s, 0).inputs.clear(); },
         R"(graph "g": node "score": inputs must name at least one generate node)"},
        {"InputsDiffer", [](GraphSpec& s) { ClassifyOf(s, 0).inputs.push_back("a"); },
         R"(graph "g": node "score": inputs must name a node once: "a")"},
        {"OutputExists", [](GraphSpec& s) { s.output = "scores"; },
         R"(graph "g": output must be a node of the graph: "scores")"},
        {"OutputClassifies", [](GraphSpec& s) { s.output = "a"; },
         R"(graph "g": output must be a classify node, not a generate node: "a")"},
        {"EveryGeneratorIsUsed", [](GraphSpec& s) { s.nodes.push_back(GenerateNode("c", "b")); },
         R"(graph "g": node "c": is not used: nothing leads from it to output "score")"},
        {"EveryClassifierIsUsed",
         [](GraphSpec& s) { s.nodes.push_back(ClassifyNode("other", {"a"})); },
         R"(graph "g": node "other": is not used: nothing leads from it to output "score")"},
        {"MaxLengthIsPositive", [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_max_length(0); },
         R"(graph "g": node "a": max_length must be at least 1: 0)"},
        {"MaxNewTokensIsPositive",
         [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_max_new_tokens(0); },
         R"(graph "g": node "a": max_new_tokens must be at least 1: 0)"},
        {"TemperatureIsNotNegative",
         [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_temperature(-0.5); },
         R"(graph "g": node "a": temperature must be finite and at least 0 (0 takes the likeliest )"
         R"(token each time): -0.5)"},
        {"TemperatureIsANumber",
         [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_temperature(kNan); },
         R"(graph "g": node "a": temperature must be finite and at least 0 (0 takes the likeliest )"
         R"(token each time): nan)"},
        {"TemperatureIsFinite",
         [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_temperature(kInfinity); },
         R"(graph "g": node "a": temperature must be finite and at least 0 (0 takes the likeliest )"
         R"(token each time): inf)"},
        {"TopPIsPositive", [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_top_p(0); },
         R"(graph "g": node "a": top_p must be greater than 0 and at most 1: 0)"},
        {"TopPIsAtMostOne", [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_top_p(1.5); },
         R"(graph "g": node "a": top_p must be greater than 0 and at most 1: 1.5)"},
        {"TopPIsANumber", [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_top_p(kNan); },
         R"(graph "g": node "a": top_p must be greater than 0 and at most 1: nan)"},
        {"MinPIsAtMostOne", [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_min_p(1.5); },
         R"(graph "g": node "a": min_p must be 0 to 1: 1.5)"},
        {"RepetitionPenaltyIsPositive",
         [](GraphSpec& s) { GenerateOf(s, 1).defaults.set_repetition_penalty(0); },
         R"(graph "g": node "a": repetition_penalty must be finite and greater than 0: 0)"},
        {"StopStringsAreNotEmpty",
         [](GraphSpec& s) {
           GenerateOf(s, 1).defaults.add_stop("a");
           GenerateOf(s, 1).defaults.add_stop("");
         },
         R"(graph "g": node "a": stop[1] must have 1 to 1024 bytes: 0)"},
    }),
    [](const testing::TestParamInfo<Rule>& info) { return info.param.name; });

std::string ErrorOf(const GraphSpec& spec) { return std::string(Create(spec).status().message()); }

TEST(Graph, RejectsCycle) {
  GraphSpec spec = ValidSpec();
  GenerateOf(spec, 1).input = "b";
  EXPECT_EQ(ErrorOf(spec),
            R"(graph "g": node "a": input must not lead back to the node: a <- b <- a)");
}

TEST(Graph, RejectsNodeThatReadsItself) {
  GraphSpec spec = ValidSpec();
  GenerateOf(spec, 1).input = "a";
  EXPECT_EQ(ErrorOf(spec), R"(graph "g": node "a": input must not lead back to the node: a <- a)");
}

TEST(Graph, NamesTheCycleAndNotWhatOnlyLeadsIntoIt) {
  GraphSpec spec = {.name = "g",
                    .nodes = {GenerateNode("before", "x"), GenerateNode("x", "y"),
                              GenerateNode("y", "x"), ClassifyNode("score", {"before"})},
                    .output = "score"};
  EXPECT_EQ(ErrorOf(spec),
            R"(graph "g": node "x": input must not lead back to the node: x <- y <- x)");
}

TEST(Graph, RejectsGraphWithoutNodes) {
  EXPECT_EQ(ErrorOf({.name = "g", .output = "score"}),
            "graph \"g\": nodes must not be empty\n"
            "graph \"g\": output must be a node of the graph: \"score\"");
}

TEST(Graph, TellsAllThatIsWrongAtOnce) {
  GraphSpec spec = ValidSpec();
  spec.name = "G";
  spec.output = "nothing";
  GenerateOf(spec, 1).defaults.set_temperature(-1);
  GenerateOf(spec, 1).defaults.set_max_length(0);
  GenerateOf(spec, 2).runner = "gpt3";
  const std::string error = ErrorOf(spec);
  EXPECT_THAT(error, HasSubstr("name must match"));
  EXPECT_THAT(error, HasSubstr("output must be a node"));
  EXPECT_THAT(error, HasSubstr("temperature must be finite and at least 0"));
  EXPECT_THAT(error, HasSubstr("max_length must be at least 1: 0"));
  EXPECT_THAT(error, HasSubstr("\"gpt3\""));
}

TEST(Graph, SaysWhenThereIsNoRunnerAtAll) {
  EXPECT_THAT(std::string(Graph::Create(ValidSpec(), {}).status().message()),
              HasSubstr("runner must be one of none: \"bert\""));
}

}  // namespace
}  // namespace chorus
