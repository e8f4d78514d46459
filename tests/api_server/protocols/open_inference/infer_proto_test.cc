#include "api_server/protocols/open_inference/infer_proto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/base/parse_proto.h"

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FromProto, TakesContentsAndParameters) {
  const auto infer = FromProto(ParseProto<inference::ModelInferRequest>(R"pb(
    model_name: "m"
    model_version: "v"
    id: "7"
    parameters {
      key: "seed"
      value { int64_param: 3 }
    }
    parameters {
      key: "temperature"
      value { double_param: 0.5 }
    }
    parameters {
      key: "stop"
      value { string_param: "x" }
    }
    parameters {
      key: "do_sample"
      value { bool_param: true }
    }
    inputs {
      name: "text_input"
      datatype: "BYTES"
      shape: 2
      contents { bytes_contents: "a" bytes_contents: "b" }
    }
    outputs { name: "text_output" })pb"));
  ASSERT_TRUE(infer.ok()) << infer.status();
  EXPECT_EQ(infer->model + infer->version + infer->id, "mv7");
  EXPECT_EQ(infer->parameters, nlohmann::json::parse(R"({"seed": 3, "temperature": 0.5,
                                                         "stop": "x", "do_sample": true})"));
  EXPECT_THAT(infer->inputs[0].texts, ElementsAre("a", "b"));
  EXPECT_THAT(infer->outputs, ElementsAre("text_output"));
}

TEST(FromProto, TakesRawContents) {
  const auto infer = FromProto(ParseProto<inference::ModelInferRequest>(R"pb(
    inputs { name: "text_input" datatype: "BYTES" shape: 1 }
    raw_input_contents: "\001\000\000\000a")pb"));
  ASSERT_TRUE(infer.ok()) << infer.status();
  EXPECT_THAT(infer->inputs[0].texts, ElementsAre("a"));
}

TEST(FromProto, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(inputs { datatype: "BYTES" shape: 2 contents { bytes_contents: "a" } })",
       "inputs[0].shape must make"},
      {R"(inputs { datatype: "FP32" shape: 1 contents { fp32_contents: 1 } })",
       "inputs[0].datatype must be BYTES"},
      {R"(inputs { datatype: "BYTES" shape: 1 } raw_input_contents: "" raw_input_contents: "")",
       "raw_input_contents must be none, or as many as inputs, 1: 2"},
      {R"(inputs { datatype: "BYTES" shape: 1 contents {} } raw_input_contents: "")",
       "inputs[0].contents must be unset"},
      {R"(inputs { datatype: "BYTES" shape: 1 } raw_input_contents: "\377\377\377\377a")",
       "inputs[0]: raw contents end within a text"},
      {R"(inputs { datatype: "BYTES" shape: 0 parameters { key: "x" value {} } })",
       "inputs[0].parameters has a name that is not known here: x"},
      {R"(outputs { name: "a" parameters { key: "classification" value {} } })",
       "outputs[0].parameters has a name"}};
  for (const auto& [text, sentence] : cases) {
    const auto infer = FromProto(ParseProto<inference::ModelInferRequest>(text));
    ASSERT_TRUE(absl::IsInvalidArgument(infer.status())) << text;
    EXPECT_THAT(std::string(infer.status().message()), HasSubstr(sentence)) << text;
  }
}

TEST(ToProto, WritesContentsOrRaw) {
  const InferReply reply = {
      .model = "m",
      .id = "7",
      .outputs = {{.name = "label", .shape = {1}, .values = std::vector<std::string>{"a"}},
                  {.name = "score", .shape = {1}, .values = std::vector<double>{0.5}},
                  {.name = "embedding", .shape = {1, 2}, .values = std::vector<float>{1, 2}}}};
  const inference::ModelInferResponse contents = ToProto(reply, /*raw=*/false);
  EXPECT_EQ(contents.id(), "7");
  EXPECT_EQ(contents.outputs(0).contents().bytes_contents(0), "a");
  EXPECT_EQ(contents.outputs(1).datatype(), "FP64");
  EXPECT_EQ(contents.outputs(1).contents().fp64_contents(0), 0.5);
  EXPECT_THAT(contents.outputs(2).shape(), ElementsAre(1, 2));
  EXPECT_THAT(contents.outputs(2).contents().fp32_contents(), ElementsAre(1, 2));
  EXPECT_EQ(contents.raw_output_contents_size(), 0);
  const inference::ModelInferResponse raw = ToProto(reply, /*raw=*/true);
  EXPECT_FALSE(raw.outputs(0).has_contents());
  EXPECT_EQ(raw.raw_output_contents(0), std::string("\1\0\0\0a", 5));
  EXPECT_EQ(raw.raw_output_contents(1).size(), 8u);
}

}  // namespace
}  // namespace chorus::gateway
