#include "base/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(ParseModelJson, ReadsJson) {
  for (const char* text :
       {"null", "true", "-1", "18446744073709551615", "1e3", "\"a\\\"NaN\\u00e9\"", "[]", "{}",
        R"({"a": [1, {"b": "Infinity"}, [], {}], "c": "\\", "d": {"NaN": null}})"}) {
    const auto value = ParseModelJson(text);
    ASSERT_TRUE(value.ok()) << text << ": " << value.status();
    EXPECT_EQ(*value, json::parse(text)) << text;
  }
  EXPECT_EQ(*ParseModelJson(R"({"a": {"b": 1}, "a": {"c": 2}})"), json({{"a", {{"c", 2}}}}));
  EXPECT_EQ(*ParseModelJson("\xEF\xBB\xBF[1]"), json({1}));
}

TEST(ParseModelJson, ReadsTheNumbersThatPythonWritesBesideJson) {
  const auto value = ParseModelJson(
      R"({"NaN": NaN, "b": [Infinity, "-Infinity", -Infinity,1], "Infinity": {"c":NaN}})");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_TRUE(std::isnan((*value)["NaN"].get<double>()));
  EXPECT_EQ((*value)["b"][0].get<double>(), kInfinity);
  EXPECT_EQ((*value)["b"][1], "-Infinity");
  EXPECT_EQ((*value)["b"][2].get<double>(), -kInfinity);
  EXPECT_EQ((*value)["b"][3], 1);
  EXPECT_TRUE(std::isnan((*value)["Infinity"]["c"].get<double>()));
  EXPECT_EQ(ShownJson((*value)["NaN"]), "NaN");
  EXPECT_EQ(ShownJson((*value)["b"][0]), "Infinity");
  EXPECT_EQ(ShownJson((*value)["b"][2]), "-Infinity");
}

TEST(ParseModelJson, ReadsTheNumbersThatNoDoubleHolds) {
  const std::string digits(400, '1');
  const auto value = ParseModelJson("[1e999,-1E+999, " + digits + ",-" + digits +
                                    ",1e-999, 1.5e308, " + digits.substr(0, 300) + ",7]");
  ASSERT_TRUE(value.ok()) << value.status();
  ASSERT_EQ(value->size(), 8u);
  for (const int i : {0, 1, 2, 3}) {
    EXPECT_EQ((*value)[i].get<double>(), i % 2 == 0 ? kInfinity : -kInfinity) << i;
  }
  EXPECT_EQ((*value)[4].get<double>(), 0);
  EXPECT_EQ((*value)[5].get<double>(), 1.5e308);
  EXPECT_TRUE(std::isfinite((*value)[6].get<double>()));
  EXPECT_EQ((*value)[7], 7);
}

TEST(ParseModelJson, ReadsHalvesOfSurrogatePairs) {
  const auto value = ParseModelJson(
      R"({"\uD83D\ude00": "\ud800", "\udc00\ud800": "\ud800\ud83d\ude00\\ud800", "a": "\ud800\n"})");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(*value, json({{"\U0001F600", "\uFFFD"},
                          {"\uFFFD\uFFFD", "\uFFFD\U0001F600\\ud800"},
                          {"a", "\uFFFD\n"}}));
}

TEST(ParseModelJson, TellsLineAndColumnOfWhatIsWrong) {
  const std::string deep(100'000, '[');
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "line 1, column 1: "},
           {"{\"a\": 1,\n \"b\" 2}", "line 2, column 6: syntax error while parsing object sep"},
           {"{\n\n  \"é\": tru}", "line 3, column 11: syntax error while parsing value"},
           {"{\"a\": 1", "line 1, column 8: "},
           {"{\"a\": 1\n", "line 2, column 1: "},
           {"[1] x", "line 1, column 5: "},
           {"{\"a\": [NaN, nan]}", "line 1, column 14: "},
           {"{\"a\": +Infinity}", "line 1, column 7: "},
           {"{\n  NaN: 1}", "line 2, column 3: a key must be a string"},
           {"[\"\xFF\"]", "line 1, column 3: syntax error while parsing value - invalid string"},
           {"[\"\\ud80\"]", "line 1, column 8: "},
           {"[01e999]", "line 1, column 7: "},
           {"[1e999.5]", "line 1, column 7: "},
           {"{1e999: 1}", "line 1, column 2: a key must be a string"},
           {"[1e999, tru]", "line 1, column 12: "},
           {deep, "line 1, column 901: nested deeper than 900 levels"}}) {
    const absl::Status status = ParseModelJson(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), StartsWith(message)) << text.substr(0, 100);
  }
  EXPECT_TRUE(ParseModelJson(deep.substr(0, 900) + std::string(900, ']')).ok());
}

TEST(ReadModelJson, NamesTheFile) {
  const TempDirectory folder;
  const std::filesystem::path path = folder.path() / "config.json";
  const auto read = [&path](std::string_view content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    return ReadModelJson(path);
  };
  EXPECT_TRUE(absl::IsNotFound(ReadModelJson(path).status()));
  EXPECT_EQ(*read("{\"a\": 1}"), json({{"a", 1}}));
  EXPECT_THAT(std::string(read("{\n\"a\"}").status().message()),
              StartsWith(path.native() + ": line 2, column 4: "));
  EXPECT_THAT(std::string(read("[1]").status().message()),
              AllOf(StartsWith(path.native()), HasSubstr("must hold a JSON object, not array")));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadModelJson(folder.path()).status()));
}

TEST(ReadModelJson, SaysThatAFileOnlyStandsForAnother) {
  const TempDirectory folder;
  const std::filesystem::path path = folder.path() / "tokenizer.json";
  for (const auto& [content, part] : std::vector<std::pair<std::string, std::string>>{
           {"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 5\n", "git lfs pull"},
           {"\n<!DOCTYPE HTML><html>Access denied", "is a web page"}}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    for (const absl::Status& status :
         {ReadModelJson(path).status(), ReadModelText(path).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(status.message()),
                  AllOf(StartsWith(path.native() + ": is a "), HasSubstr(part)));
    }
  }
}

TEST(ShownJson, IsShort) {
  EXPECT_EQ(ShownJson(json({{"é", {1, nullptr}}})), "{\"\\u00e9\":[1,null]}");
  EXPECT_EQ(ShownJson(json(std::string(200, 'a'))).size(), 83u);
}

}  // namespace
}  // namespace chorus
