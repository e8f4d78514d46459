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
           {"[\"\\ud800\"]", "line 1, column 9: "},
           {"1e999", "line 1, column 5: number overflow"},
           {deep, "line 1, column 65: nested deeper than 64 levels"}}) {
    const absl::Status status = ParseModelJson(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), StartsWith(message)) << text.substr(0, 100);
  }
  EXPECT_TRUE(ParseModelJson(deep.substr(0, 64) + std::string(64, ']')).ok());
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

TEST(ShownJson, IsShort) {
  EXPECT_EQ(ShownJson(json({{"é", {1, nullptr}}})), "{\"\\u00e9\":[1,null]}");
  EXPECT_EQ(ShownJson(json(std::string(200, 'a'))).size(), 83u);
}

}  // namespace
}  // namespace chorus
