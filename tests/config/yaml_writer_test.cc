#include "config/yaml_writer.h"

#include <google/protobuf/util/message_differencer.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "config/yaml_proto.h"
#include "proto/chorus/config/v1/bundle.pb.h"
#include "proto/chorus/config/v1/graph.pb.h"
#include "proto/chorus/runner/v1/runner.pb.h"

namespace chorus {
namespace {

using ::google::protobuf::util::MessageDifferencer;

template <typename M>
void ExpectRoundTrip(const M& message) {
  const std::string yaml = FormatYaml(message);
  M read;
  const absl::Status status = ParseYaml(yaml, "f.yaml", read);
  EXPECT_TRUE(status.ok()) << status << "\n" << yaml;
  EXPECT_TRUE(MessageDifferencer::Equals(message, read)) << yaml;
}

TEST(FormatYaml, WritesWhatIsSetInOrder) {
  config::v1::Bundle bundle;
  bundle.set_version("123456789012");
  bundle.set_name("inference_graph");
  (*bundle.mutable_labels())["team"] = "nlp";
  (*bundle.mutable_labels())["a b"] = "yes";
  (*bundle.mutable_resources())["gpt2"].set_threads(2);
  config::v1::BundleFile& file = *bundle.add_files();
  file.set_name("graph.yaml");
  file.set_size_bytes(7);
  EXPECT_EQ(FormatYaml(bundle), R"(name: inference_graph
version: "123456789012"
labels:
  "a b": "yes"
  team: nlp
resources:
  gpt2:
    threads: 2
files:
  - name: graph.yaml
    size_bytes: 7
)");
  ExpectRoundTrip(bundle);
}

TEST(FormatYaml, KeepsEveryText) {
  for (const char* text :
       {"",   "null", "~",  "true", "No",           "1.5", "0x1f",       "a: b",   "- a",  "#c",
        "'",  "\"",   "\\", "{a}",  "line\nline\n", "\t",  "  spaces  ", "é🙂", "!tag", "&a",
        "*a", "%",    "@",  "`",    "..",           "a\rb"}) {
    config::v1::Graph graph;
    graph.set_output("o");
    graph.set_name(text);
    graph.add_nodes()->mutable_generate()->add_stop(text);
    ExpectRoundTrip(graph);
    config::v1::Bundle bundle;
    (*bundle.mutable_labels())[text] = text;
    ExpectRoundTrip(bundle);
  }
}

TEST(FormatYaml, KeepsNumbersToTheirLimits) {
  google::protobuf::Int64Value int64;
  int64.set_value(std::numeric_limits<int64_t>::min());
  ExpectRoundTrip(int64);
  google::protobuf::UInt64Value uint64;
  uint64.set_value(std::numeric_limits<uint64_t>::max());
  ExpectRoundTrip(uint64);
  google::protobuf::DoubleValue double_value;
  for (const double value : {0.1, 1e300, -5e-324, 1.0 / 3}) {
    double_value.set_value(value);
    ExpectRoundTrip(double_value);
  }
  google::protobuf::FloatValue float_value;
  float_value.set_value(0.1f);
  ExpectRoundTrip(float_value);
}

TEST(FormatYaml, KeepsOptionalZeroesEnumsAndBools) {
  config::v1::Graph graph;
  config::v1::GenerateNode& node = *graph.add_nodes()->mutable_generate();
  node.set_top_k(0);
  node.set_do_sample(false);
  ExpectRoundTrip(graph);
  v1::GenerationEnd finished;
  finished.set_reason(v1::FINISH_REASON_LENGTH);
  ExpectRoundTrip(finished);
}

TEST(FormatYaml, WritesJson) {
  const auto json = nlohmann::ordered_json::parse(
      R"({"z": [1, -2, 2.5, 1e300, true, false, null], "a b": "yes", "empty": {}, "none": [],
          "text": "a: \"b\"\n\u00e9", "id": "0123", "big": 18446744073709551615})");
  EXPECT_EQ(FormatYaml(json),
            "z:\n  - 1\n  - -2\n  - 2.5\n  - 1e+300\n  - true\n  - false\n  - ~\n"
            "\"a b\": \"yes\"\nempty:\n  {}\nnone:\n  []\ntext: \"a: \\\"b\\\"\\né\"\n"
            "id: \"0123\"\nbig: 18446744073709551615\n");
  EXPECT_EQ(FormatYaml(nlohmann::ordered_json::array()), "[]\n");
}

}  // namespace
}  // namespace chorus
