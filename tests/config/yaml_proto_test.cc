#include "config/yaml_proto.h"

#include <gmock/gmock.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "proto/chorus/config/v1/chorusfile.pb.h"
#include "proto/chorus/config/v1/gateway.pb.h"
#include "proto/chorus/runner/v1/runner.pb.h"

namespace chorus {
namespace {

using ::google::protobuf::Message;
using ::testing::HasSubstr;

TEST(ParseYaml, ReadsAGraph) {
  config::v1::Graph graph;
  const absl::Status status = ParseYaml(R"(
# A comment.
name: g
nodes:
  - name: a
    generate: {runner: gpt2, max_length: 128, do_sample: true, temperature: 0.5, top_k: 0}
  - name: b
    generate:
      runner: "gpt2"
      input: a
      do_sample: false
      top_p: 1
  - name: score
    classify:
      runner: bert
      inputs: [b, a]
output: score
)",
                                        "graph.yaml", graph);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(graph.name(), "g");
  EXPECT_EQ(graph.output(), "score");
  ASSERT_EQ(graph.nodes_size(), 3);
  const config::v1::GenerateNode& a = graph.nodes(0).generate();
  EXPECT_EQ(a.runner(), "gpt2");
  EXPECT_EQ(a.max_length(), 128u);
  EXPECT_TRUE(a.do_sample());
  EXPECT_EQ(a.temperature(), 0.5);
  EXPECT_TRUE(a.has_top_k());  // Set, though it is zero.
  EXPECT_FALSE(a.has_top_p());
  const config::v1::GenerateNode& b = graph.nodes(1).generate();
  EXPECT_EQ(b.input(), "a");
  EXPECT_TRUE(b.has_do_sample());
  EXPECT_FALSE(b.do_sample());
  EXPECT_EQ(b.top_p(), 1.0);
  EXPECT_EQ(graph.nodes(2).classify().inputs(0), "b");
  EXPECT_EQ(graph.nodes(2).classify().inputs(1), "a");
}

TEST(ParseYaml, ReadsAnchorsAndJson) {
  config::v1::Gateway gateway;
  const absl::Status status = ParseYaml(R"(
{"runners": [{"name": "a", "endpoints": &e ["h:1", "h:2"]}, {"name": "b", "endpoints": *e}]})",
                                        "gateway.yaml", gateway);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(gateway.runners_size(), 2);
  EXPECT_EQ(gateway.runners(1).endpoints(1), "h:2");
}

struct DurationCase {
  std::string text;
  int64_t seconds;
  int32_t nanos;
};

TEST(ParseYaml, ReadsDurations) {
  for (const DurationCase& c : std::vector<DurationCase>{{"30s", 30, 0},
                                                         {"\"30s\"", 30, 0},
                                                         {"250ms", 0, 250'000'000},
                                                         {"1m30.5s", 90, 500'000'000},
                                                         {"2h", 7200, 0},
                                                         {"0s", 0, 0},
                                                         {"-1.5s", -1, -500'000'000}}) {
    config::v1::Gateway gateway;
    const absl::Status status =
        ParseYaml(absl::StrCat("limits: {max_timeout: ", c.text, "}"), "gateway.yaml", gateway);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(gateway.limits().has_max_timeout());
    EXPECT_EQ(gateway.limits().max_timeout().seconds(), c.seconds) << c.text;
    EXPECT_EQ(gateway.limits().max_timeout().nanos(), c.nanos) << c.text;
  }
}

TEST(ParseYaml, ReadsEveryKindOfNumberToItsLimits) {
  google::protobuf::Int32Value int32;
  ASSERT_TRUE(ParseYaml("value: -2147483648", "f", int32).ok());
  EXPECT_EQ(int32.value(), std::numeric_limits<int32_t>::min());
  google::protobuf::Int64Value int64;
  ASSERT_TRUE(ParseYaml("value: -9223372036854775808", "f", int64).ok());
  EXPECT_EQ(int64.value(), std::numeric_limits<int64_t>::min());
  google::protobuf::UInt32Value uint32;
  ASSERT_TRUE(ParseYaml("value: 4294967295", "f", uint32).ok());
  EXPECT_EQ(uint32.value(), std::numeric_limits<uint32_t>::max());
  google::protobuf::UInt64Value uint64;
  ASSERT_TRUE(ParseYaml("value: 18446744073709551615", "f", uint64).ok());
  EXPECT_EQ(uint64.value(), std::numeric_limits<uint64_t>::max());
  google::protobuf::FloatValue float_value;
  ASSERT_TRUE(ParseYaml("value: 1.5e3", "f", float_value).ok());
  EXPECT_EQ(float_value.value(), 1500);
  google::protobuf::DoubleValue double_value;
  ASSERT_TRUE(ParseYaml("value: 0.1", "f", double_value).ok());
  EXPECT_EQ(double_value.value(), 0.1);
  chorus::runner::v1::Classification repeated;
  ASSERT_TRUE(ParseYaml("scores: [0.25, 1]", "f", repeated).ok());
  EXPECT_THAT(repeated.scores(), testing::ElementsAre(0.25, 1));
}

TEST(ParseYaml, ReadsEnumsByName) {
  chorus::v1::GenerationEnd finished;
  ASSERT_TRUE(ParseYaml("reason: FINISH_REASON_LENGTH", "f", finished).ok());
  EXPECT_EQ(finished.reason(), chorus::v1::FINISH_REASON_LENGTH);
}

TEST(ParseYaml, ReadsMaps) {
  config::v1::Chorusfile file;
  const absl::Status status = ParseYaml(R"(
labels: {team: nlp, 1: "2"}
resources:
  gpt2: {threads: 2}
  bert: {}
)",
                                        "f", file);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(file.labels(),
              testing::UnorderedElementsAre(testing::Pair("team", "nlp"), testing::Pair("1", "2")));
  EXPECT_EQ(file.resources().at("gpt2").threads(), 2u);
  EXPECT_FALSE(file.resources().at("bert").has_threads());
}

TEST(YamlPlaces, SayWhereAValueStands) {
  config::v1::Chorusfile file;
  YamlPlaces places;
  const std::string yaml = "service: a\nmodels:\n  - b\n  - c\nresources:\n  d: {threads: 1}\n";
  ASSERT_TRUE(ParseYaml(yaml, "f.yaml", file, &places).ok());
  for (const auto& [path, error] : std::vector<std::pair<std::string, std::string>>{
           {"service", "f.yaml:1:10: service: bad"},
           {"models", "f.yaml:3:3: models: bad"},
           {"models[1]", "f.yaml:4:5: models[1]: bad"},
           {"resources.d", "f.yaml:6:6: resources.d: bad"},
           {"resources.d.threads", "f.yaml:6:16: resources.d.threads: bad"},
           {"graph", "f.yaml: graph: bad"}}) {
    EXPECT_EQ(places.Error(path, "bad"), absl::InvalidArgumentError(error));
  }
}

TEST(ParseYaml, TakesAnyScalarForAText) {
  for (const auto& [yaml, text] : std::vector<std::pair<std::string, std::string>>{
           {"1.50", "1.50"}, {"true", "true"}, {"''", ""}, {"'null'", "null"}, {"a b", "a b"}}) {
    config::v1::Graph graph;
    const absl::Status status = ParseYaml(absl::StrCat("name: ", yaml), "f", graph);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(graph.name(), text);
  }
}

struct BadCase {
  std::string name;
  std::string yaml;
  std::string error;
  std::shared_ptr<const Message> prototype = std::make_shared<config::v1::Graph>();
};

class BadYaml : public testing::TestWithParam<BadCase> {};

TEST_P(BadYaml, IsRefusedWithItsPlace) {
  const std::unique_ptr<Message> message(GetParam().prototype->New());
  const absl::Status status = ParseYaml(GetParam().yaml, "f.yaml", *message);
  EXPECT_EQ(status, absl::InvalidArgumentError(GetParam().error));
}

const auto kGateway = std::make_shared<config::v1::Gateway>();
const auto kMaps = std::make_shared<config::v1::Chorusfile>();

INSTANTIATE_TEST_SUITE_P(
    ParseYaml, BadYaml,
    testing::ValuesIn(std::vector<BadCase>{
        {"Empty", "", "f.yaml: is empty"},
        {"CommentOnly", "# nothing\n", "f.yaml: is empty"},
        {"UnknownKey", "name: g\nnmae: h\n",
         "f.yaml:2:1: there is no field \"nmae\"; there is name, nodes, output"},
        {"UnknownNestedKey", "nodes:\n  - name: a\n    generate:\n      top_l: 3\n",
         "f.yaml:4:7: nodes[0].generate: there is no field \"top_l\"; there is runner, input, "
         "max_length, max_new_tokens, do_sample, temperature, top_k, top_p, min_p, "
         "repetition_penalty, frequency_penalty, presence_penalty, min_new_tokens, stop"},
        {"OneofIsNoField", "nodes: [{kind: x}]\n",
         "f.yaml:1:10: nodes[0]: there is no field \"kind\"; there is name, generate, classify"},
        {"JsonNameIsNoField", "nodes: [{generate: {topK: 1}}]\n",
         "f.yaml:1:21: nodes[0].generate: there is no field \"topK\"; there is runner, input, "
         "max_length, max_new_tokens, do_sample, temperature, top_k, top_p, min_p, "
         "repetition_penalty, frequency_penalty, presence_penalty, min_new_tokens, stop"},
        {"DuplicateKey", "name: g\noutput: o\nname: h\n",
         "f.yaml:3:1: name: is given twice, first on line 1"},
        {"TwoOfOneof", "nodes:\n- generate: {runner: r}\n  classify: {runner: r}\n",
         "f.yaml:3:3: nodes[0].classify: only one of these can be set: generate, classify"},
        {"KeyThatIsNoName", "? [a]\n: b\n",
         "f.yaml:1:3: a key must be the name of a field: a sequence"},
        {"TopLevelSequence", "- name: g\n", "f.yaml:1:1: must be a mapping of fields: a sequence"},
        {"TopLevelScalar", "g", "f.yaml:1:1: must be a mapping of fields: \"g\""},
        {"ScalarForMessage", "nodes: [a]",
         "f.yaml:1:9: nodes[0]: must be a mapping of fields: \"a\""},
        {"MappingForRepeated", "nodes: {name: a}",
         "f.yaml:1:8: nodes: must be a sequence: a mapping"},
        {"ScalarForRepeated", "nodes: a", "f.yaml:1:8: nodes: must be a sequence: \"a\""},
        {"NullForRepeated", "nodes:\noutput: o", "f.yaml:1:1: nodes: has no value"},
        {"NullForText", "name: ~", "f.yaml:1:1: name: has no value"},
        {"NothingForText", "name:\noutput: o\n", "f.yaml:1:1: name: has no value"},
        {"NullForMessage", "nodes: [null]", "f.yaml:1:9: nodes[0]: has no value"},
        {"SequenceForText", "name: [g]", "f.yaml:1:7: name: must be a text: a sequence"},
        {"Tag", "name: !secret g", "f.yaml:1:7: name: tags are not supported: !secret"},
        {"TextForInteger", "nodes: [{generate: {top_k: many}}]",
         "f.yaml:1:28: nodes[0].generate.top_k: must be an integer from 0 to 4294967295: \"many\""},
        {"QuotedInteger", "nodes: [{generate: {top_k: '5'}}]",
         "f.yaml:1:28: nodes[0].generate.top_k: must be an integer from 0 to 4294967295: \"5\""},
        {"FractionForInteger", "nodes: [{generate: {top_k: 5.0}}]",
         "f.yaml:1:28: nodes[0].generate.top_k: must be an integer from 0 to 4294967295: \"5.0\""},
        {"NegativeForUnsigned", "nodes: [{generate: {top_k: -1}}]",
         "f.yaml:1:28: nodes[0].generate.top_k: must be an integer from 0 to 4294967295: \"-1\""},
        {"TooLarge", "nodes: [{generate: {top_k: 4294967296}}]",
         "f.yaml:1:28: nodes[0].generate.top_k: must be an integer from 0 to 4294967295: "
         "\"4294967296\""},
        {"SequenceForInteger", "nodes: [{generate: {top_k: [1]}}]",
         "f.yaml:1:28: nodes[0].generate.top_k: must be an integer from 0 to 4294967295: "
         "a sequence"},
        {"NanForNumber", "nodes: [{generate: {top_p: nan}}]",
         "f.yaml:1:28: nodes[0].generate.top_p: must be a finite number: \"nan\""},
        {"YamlInfinityForNumber", "nodes: [{generate: {top_p: .inf}}]",
         "f.yaml:1:28: nodes[0].generate.top_p: must be a finite number: \".inf\""},
        {"OverflowForNumber", "nodes: [{generate: {top_p: 1e999}}]",
         "f.yaml:1:28: nodes[0].generate.top_p: must be a finite number: \"1e999\""},
        {"YesForBool", "nodes: [{generate: {do_sample: yes}}]",
         "f.yaml:1:32: nodes[0].generate.do_sample: must be true or false: \"yes\""},
        {"QuotedBool", "nodes: [{generate: {do_sample: \"true\"}}]",
         "f.yaml:1:32: nodes[0].generate.do_sample: must be true or false: \"true\""},
        {"DurationWithoutUnit", "limits: {max_timeout: 30}",
         "f.yaml:1:23: limits.max_timeout: must be a duration with a unit, such as 30s or 250ms: "
         "\"30\"",
         kGateway},
        {"InfiniteDuration", "limits: {max_timeout: inf}",
         "f.yaml:1:23: limits.max_timeout: must be a duration with a unit, such as 30s or 250ms: "
         "\"inf\"",
         kGateway},
        {"MappingForDuration", "limits: {max_timeout: {seconds: 3}}",
         "f.yaml:1:23: limits.max_timeout: must be a duration with a unit, such as 30s or 250ms: "
         "a mapping",
         kGateway},
        {"EnumByNumber", "reason: 2",
         "f.yaml:1:9: reason: must be one of FINISH_REASON_UNSPECIFIED, FINISH_REASON_STOP, "
         "FINISH_REASON_LENGTH, FINISH_REASON_STOP_STRING, FINISH_REASON_DEADLINE: \"2\"",
         std::make_shared<chorus::v1::GenerationEnd>()},
        {"TooSmallForInt32", "value: -2147483649",
         "f.yaml:1:8: value: must be an integer from -2147483648 to 2147483647: \"-2147483649\"",
         std::make_shared<google::protobuf::Int32Value>()},
        {"SequenceForMap", "labels: [a]", "f.yaml:1:9: labels: must be a mapping: a sequence",
         kMaps},
        {"SequenceForMapKey", "labels: {[a]: b}",
         "f.yaml:1:10: labels: a key must be a text: a sequence", kMaps},
        {"DuplicateMapKey", "labels:\n  a: b\n  a: c\n",
         "f.yaml:3:3: labels.a: is given twice, first on line 2", kMaps},
        {"NullForMapValue", "labels: {a: }", "f.yaml:1:10: labels.a: has no value", kMaps},
        {"UnknownKeyInMapValue", "resources: {gpt2: {cpu: 1}}",
         "f.yaml:1:20: resources.gpt2: there is no field \"cpu\"; there is threads, replicas, "
         "dtype, kv_cache_bytes, memory_bytes, executor, device",
         kMaps},
        {"Bytes", "value: abc", "f.yaml:1:8: value: bytes fields are not supported in YAML",
         std::make_shared<google::protobuf::BytesValue>()},
        {"SecondDocument", "name: g\n---\nname: h\n",
         "f.yaml:2:1: a second document begins here; there can be one only"},
        {"CommaThatBeginsDocumentsWithoutEnd", ",name: g\n",
         "f.yaml:1:1: a second document begins here; there can be one only"},
        {"TwoMistakes", "name: [g]\nnodes:\n  - nam: a\n",
         "f.yaml:1:7: name: must be a text: a sequence\n"
         "f.yaml:3:5: nodes[0]: there is no field \"nam\"; there is name, generate, classify"},
    }),
    [](const testing::TestParamInfo<BadCase>& info) { return info.param.name; });

TEST(ParseYaml, SaysWhereItIsNotYaml) {
  config::v1::Graph graph;
  const absl::Status status = ParseYaml("name: g\nnodes: [a,\n", "f.yaml", graph);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("f.yaml:3:1: is not YAML: "));
}

TEST(ParseYaml, EndsOnDeepNesting) {
  config::v1::Graph graph;
  const absl::Status status = ParseYaml(std::string(100'000, '['), "f.yaml", graph);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

TEST(ParseYaml, StopsListingAfterTwentyMistakes) {
  std::string yaml;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&yaml, "x", i, ": 1\n");
  config::v1::Graph graph;
  const std::string error(ParseYaml(yaml, "f.yaml", graph).message());
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 20);
  EXPECT_THAT(error, testing::EndsWith("\nand there is more"));
}

TEST(ParseYaml, ReadsTheExample) {
  const std::string path = "examples/graphs/inference_graph.yaml";
  const absl::StatusOr<std::string> text = ReadFile(path, 1 << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  config::v1::Graph graph;
  const absl::Status status = ParseYaml(*text, path, graph);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(graph.name(), "inference_graph");
}

}  // namespace
}  // namespace chorus
