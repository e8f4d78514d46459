#include "api_server/protocols/open_inference/infer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace chorus::gateway {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const char kRaw[] = {1, 0, 0, 0, 'a', 2, 0, 0, 0, 'b', 'c'};
constexpr char kRawTensor[] =
    R"({"name": "text_input", "datatype": "BYTES", "shape": [2],
        "parameters": {"binary_data_size": 11}})";

TEST(ParseInferBody, TakesEveryMember) {
  const auto body = ParseInferBody(
      R"({"id": "7", "parameters": {"seed": 3, "binary_data_output": true},
          "inputs": [{"name": "text_input", "datatype": "BYTES", "shape": [2, 1],
                      "data": [["a"], ["b"]]}],
          "outputs": [{"name": "score", "parameters": {"binary_data": false}}, {"name": "label"}]})",
      nullptr);
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->infer.id, "7");
  EXPECT_EQ(body->infer.parameters, json({{"seed", 3}}));
  ASSERT_EQ(body->infer.inputs.size(), 1u);
  EXPECT_EQ(body->infer.inputs[0].name, "text_input");
  EXPECT_THAT(body->infer.inputs[0].texts, ElementsAre("a", "b"));
  EXPECT_THAT(body->infer.outputs, ElementsAre("score", "label"));
  EXPECT_FALSE(body->raw.Has("score"));
  EXPECT_TRUE(body->raw.Has("label"));
}

TEST(ParseInferBody, TakesRawContentsAfterTheJson) {
  const std::string head = std::string(R"({"inputs": [)") + kRawTensor + "]}";
  const std::string length = std::to_string(head.size());
  const auto body = ParseInferBody(head + std::string(kRaw, sizeof(kRaw)), &length);
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_THAT(body->infer.inputs[0].texts, ElementsAre("a", "bc"));
}

TEST(ParseInferBody, SaysWhatIsWrong) {
  const std::string tensor = R"("name": "t", "datatype": "BYTES", "shape": [1])";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "the body is not JSON"},
      {R"({"inputs": {}})", "inputs must be an array of objects"},
      {R"({"inputs": [7]})", "inputs must be an array of objects"},
      {R"({"input": []})", "did you mean inputs?"},
      {R"({"inputs": [{}]})", "inputs[0].name is missing"},
      {R"({"inputs": [{)" + tensor + "}]}", "inputs[0].data must be there"},
      {R"({"inputs": [{)" + tensor + R"(, "data": [7]}]})", "inputs[0].data must be an array of"},
      {R"({"inputs": [{)" + tensor + R"(, "data": "a"}]})", "inputs[0].data must be an array of"},
      {R"({"inputs": [{)" + tensor + R"(, "data": ["a", "b"]}]})", "inputs[0].shape must make"},
      {R"({"inputs": [{)" + tensor + R"(, "data": ["a"], "x": 1}]})", "inputs[0].x is not known"},
      {R"({"inputs": [{)" + tensor + R"(, "data": ["a"], "parameters": {"binary_data_size": 1}}]})",
       "inputs[0].data must be there, or parameters.binary_data_size, but not both"},
      {R"({"inputs": [{)" + tensor + R"(, "parameters": {"binary_data_size": 9}}]})",
       "the body has 0 bytes of raw contents where 9 are named"},
      {R"({"inputs": [{)" + tensor + R"(, "parameters": {"shared_memory_region": "x"}}]})",
       "shared_memory_region is not known"},
      {R"({"inputs": [{"name": "t", "datatype": "FP32", "shape": [1], "data": ["a"]}]})",
       "datatype must be BYTES"},
      {R"({"inputs": [{"name": "t", "datatype": "BYTES", "shape": [-1], "data": ["a"]}]})",
       "inputs[0].shape must be an array of sizes"},
      {R"({"outputs": [{"name": 7}]})", "outputs[0].name must be a string"},
      {R"({"outputs": [{"name": "a", "parameters": {"classification": 1}}]})",
       "outputs[0].parameters.classification is not known"},
      {R"({"parameters": {"binary_data_output": 1}})", "binary_data_output must be true or false"}};
  for (const auto& [json, sentence] : cases) {
    const auto body = ParseInferBody(json, nullptr);
    ASSERT_TRUE(absl::IsInvalidArgument(body.status())) << json;
    EXPECT_THAT(std::string(body.status().message()), HasSubstr(sentence)) << json;
  }
}

TEST(ParseInferBody, RawContentsMustBeAsNamed) {
  const std::string head = std::string(R"({"inputs": [)") + kRawTensor + "]}";
  const std::string raw(kRaw, sizeof(kRaw));
  const std::string whole = std::to_string(head.size());
  const auto message = [](const std::string& body, const std::string& length) {
    return std::string(ParseInferBody(body, &length).status().message());
  };
  EXPECT_THAT(message(head + raw + "x", whole), HasSubstr("1 bytes more of raw contents"));
  EXPECT_THAT(message(head + raw.substr(1), whole), HasSubstr("where 11 are named"));
  EXPECT_THAT(message(head + std::string(11, '\xFF'), whole), HasSubstr("end within a text of"));
  for (const char* wrong : {"", "-1", "x", "99999", "1 ", "+5", "99999999999999999999"}) {
    EXPECT_THAT(message(head + raw, wrong), HasSubstr("must be a number of bytes")) << wrong;
  }
}

TEST(ToHttpReply, WritesJson) {
  const InferReply reply = {
      .model = "m",
      .version = "v",
      .id = "7",
      .outputs = {{.name = "label", .shape = {2}, .values = std::vector<std::string>{"a", "b"}},
                  {.name = "score", .shape = {2}, .values = std::vector<double>{0.5, 1}}}};
  const HttpReply http = ToHttpReply(reply, {});
  EXPECT_EQ(http.content_type, "application/json");
  EXPECT_EQ(json::parse(http.body), json::parse(R"({"model_name": "m", "model_version": "v",
      "id": "7", "outputs": [
          {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]},
          {"name": "score", "datatype": "FP64", "shape": [2], "data": [0.5, 1.0]}]})"));
}

TEST(ToHttpReply, WritesRawContentsWhereAskedFor) {
  const InferReply reply = {
      .model = "m",
      .outputs = {{.name = "label", .shape = {1}, .values = std::vector<std::string>{"a"}},
                  {.name = "score", .shape = {1}, .values = std::vector<float>{1}}}};
  const HttpReply http = ToHttpReply(reply, {.all = false, .named = {{"score", true}}});
  EXPECT_EQ(http.content_type, "application/octet-stream");
  ASSERT_EQ(http.fields.size(), 1u);
  EXPECT_EQ(http.fields[0].name, "Inference-Header-Content-Length");
  const size_t num_json = std::stoul(http.fields[0].value);
  const json head = json::parse(http.body.substr(0, num_json));
  EXPECT_EQ(head["outputs"][0]["data"], json({"a"}));
  EXPECT_EQ(head["outputs"][1]["parameters"]["binary_data_size"], 4);
  EXPECT_FALSE(head["outputs"][1].contains("data"));
  EXPECT_EQ(http.body.substr(num_json), std::string("\0\0\x80\x3F", 4));
}

TEST(ParseGenerateBody, TakesATextAndParameters) {
  const auto infer =
      ParseGenerateBody(R"({"text_input": "a", "id": "7", "parameters": {"max_tokens": 3}})");
  ASSERT_TRUE(infer.ok()) << infer.status();
  EXPECT_THAT(*FindInput(*infer, kTextInput), ElementsAre("a"));
  EXPECT_EQ(infer->parameters, json({{"max_tokens", 3}}));
  EXPECT_EQ(infer->id, "7");
  for (const char* wrong : {"{}", R"({"text_input": 7})", R"({"text_input": "a", "seed": 7})",
                            R"({"text_input": "a", "parameters": []})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseGenerateBody(wrong).status())) << wrong;
  }
}

TEST(GenerateReplyJson, HasAMemberForEachOutput) {
  const InferReply reply = {
      .model = "m",
      .outputs = {{.name = "text_output", .shape = {1}, .values = std::vector<std::string>{"a"}},
                  {.name = "score", .shape = {2}, .values = std::vector<double>{0.5, 1}}}};
  EXPECT_EQ(json::parse(GenerateReplyJson(reply)),
            json::parse(R"({"model_name": "m", "text_output": "a", "score": [0.5, 1.0]})"));
}

}  // namespace
}  // namespace chorus::gateway
