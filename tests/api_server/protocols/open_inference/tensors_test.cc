#include "api_server/protocols/open_inference/tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Bytes(std::initializer_list<int> values) { return {values.begin(), values.end()}; }

TEST(DecodeTexts, ReadsLengthsAndBytes) {
  EXPECT_THAT(*DecodeTexts(""), IsEmpty());
  EXPECT_THAT(*DecodeTexts(Bytes({2, 0, 0, 0, 'a', 'b', 0, 0, 0, 0, 1, 0, 0, 0, 'c'})),
              ElementsAre("ab", "", "c"));
}

TEST(DecodeTexts, RefusesWhatEndsEarly) {
  for (const std::string& raw : {Bytes({1}), Bytes({1, 0, 0, 0}), Bytes({2, 0, 0, 0, 'a'}),
                                 Bytes({255, 255, 255, 255, 'a'}), Bytes({0, 0, 0, 0, 0})}) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeTexts(raw).status())) << raw.size();
  }
}

TEST(EncodeValues, WritesTheLowestByteFirst) {
  EXPECT_EQ(EncodeValues(std::vector<std::string>{"ab", ""}),
            Bytes({2, 0, 0, 0, 'a', 'b', 0, 0, 0, 0}));
  EXPECT_EQ(EncodeValues(std::vector<float>{1.0f}), Bytes({0, 0, 0x80, 0x3F}));
  EXPECT_EQ(EncodeValues(std::vector<double>{1.0}), Bytes({0, 0, 0, 0, 0, 0, 0xF0, 0x3F}));
  EXPECT_THAT(*DecodeTexts(EncodeValues(std::vector<std::string>{"x", "yz"})),
              ElementsAre("x", "yz"));
}

TEST(CheckTensor, ComparesShapeAndValues) {
  EXPECT_TRUE(CheckTensor("t", "BYTES", {2, 3}, 6).ok());
  EXPECT_TRUE(CheckTensor("t", "BYTES", {0}, 0).ok());
  EXPECT_TRUE(CheckTensor("t", "BYTES", {1, 1}, 1).ok());
  const std::vector<std::vector<int64_t>> wrong = {
      {}, {5}, {-1}, {-2, -3}, {7}, {6, 2}, {INT64_MAX, INT64_MAX, 2}, {0}};
  for (const std::vector<int64_t>& shape : wrong) {
    EXPECT_FALSE(CheckTensor("t", "BYTES", shape, 6).ok());
  }
  EXPECT_THAT(std::string(CheckTensor("inputs[0]", "FP32", {1}, 1).message()),
              HasSubstr("inputs[0].datatype must be BYTES"));
}

TEST(CheckInputs, WantsItsOwnNames) {
  const auto check = [](std::vector<TextTensor> inputs) {
    const absl::Status status =
        CheckInputs({.model = "m", .inputs = std::move(inputs)}, {kTextInput, "text_pair"});
    return std::string(status.message());
  };
  EXPECT_EQ(check({{"text_input", {"a"}}}), "");
  EXPECT_EQ(check({{"text_pair", {"b"}}, {"text_input", {"a"}}}), "");
  EXPECT_EQ(check({}), "inputs must have the tensor text_input");
  EXPECT_EQ(check({{"text", {"a"}}}),
            "inputs[0].name is no input of m, which has text_input and text_pair");
  EXPECT_EQ(check({{"text_input", {}}, {"text_input", {}}}), "inputs[1].name is there twice");
}

}  // namespace
}  // namespace chorus::gateway
