#include "cli/graph_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ReadGraphFile, CollectsTheRunnersInOrder) {
  const TempDirectory temp;
  PutFile(temp / "graph.yaml", R"(
name: inference_graph
nodes:
  - name: a
    generate: {runner: gpt2-generation, max_length: 64}
  - name: b
    generate:
      runner: distilgpt2-generation
      input: a
  - name: c
    generate: {runner: gpt2-generation}
  - name: score
    classify: {runner: bert, inputs: [a, b, c]}
output: score
)");
  const absl::StatusOr<GraphSummary> graph = ReadGraphFile(temp / "graph.yaml");
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->name, "inference_graph");
  EXPECT_THAT(graph->runners, ElementsAre("gpt2-generation", "distilgpt2-generation", "bert"));
}

TEST(CheckTask, NamesTheNodeWhoseRunnerHasAModelOfTheWrongKind) {
  const GraphSummary graph = {.name = "g",
                              .runners = {"writer", "scorer"},
                              .nodes = {{"a", "writer", "generate"},
                                        {"b", "writer", "generate"},
                                        {"s", "scorer", "classify"},
                                        {"o", "writer", "another kind"}}};  // Takes any model.
  EXPECT_TRUE(CheckTask(graph, "writer", "generate", "GPT2LMHeadModel").ok());
  EXPECT_TRUE(CheckTask(graph, "scorer", "classify", "BertForSequenceClassification").ok());
  EXPECT_TRUE(CheckTask(graph, "writer", "", "T5Model").ok());  // The runner refuses it.
  EXPECT_EQ(CheckTask(graph, "writer", "classify", "BertForSequenceClassification").message(),
            "graph \"g\": node \"a\" generates, but the model of its runner \"writer\" is a "
            "classifier (BertForSequenceClassification)");
  EXPECT_EQ(CheckTask(graph, "scorer", "generate", "GPT2LMHeadModel").message(),
            "graph \"g\": node \"s\" classifies, but the model of its runner \"scorer\" is a "
            "generator (GPT2LMHeadModel)");
}

TEST(ReadGraphFile, NamesFileAndLineOfWhatIsWrong) {
  const TempDirectory temp;
  const std::string file = (temp / "graph.yaml").native();
  const struct {
    std::string text;
    std::string message;
  } kCases[] = {
      {"", ": is empty"},
      {"just text", ":1:1: must be a mapping of fields"},
      {"name: x\n", ": nodes: no node names a runner"},
      {"name: x\nnodes: 3\n", ":2:8: nodes: must be a sequence"},
      {"nodes: []\n", ":1:8: nodes: no node names a runner"},
      {"nodes:\n  - name: a\n", "no node names a runner"},
      {"nodes:\n  - a\n", ":2:5: nodes[0]: must be a mapping"},
      {"nodes:\n  - generate:\n      runner: ../x\n",
       ":3:15: nodes[0].generate.runner: must match"},
      {"nodes:\n  - classify: {inputs: [a]}\n", ": nodes[0].classify.runner: must match"},
      {"nodes:\n  - generate:\n      runner: \"a\\nb\"\n", "\"a\\nb\""},
      {"nodes:\n  - generate:\n      runner: [a]\n", ":3:15: "},
      {"nodes:\n  - generate: {runner: a}\n    colour: red\n", "there is no field \"colour\""},
      {"nodes:\n  - generate: {runner: a\n", file},
      {"a: *nope\n", ":1:"},
  };
  for (const auto& c : kCases) {
    PutFile(file, c.text);
    const absl::Status status = ReadGraphFile(file).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.text << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message)) << c.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(file)) << c.text;
  }
  EXPECT_TRUE(absl::IsNotFound(ReadGraphFile(temp / "absent.yaml").status()));
}

}  // namespace
}  // namespace chorus
