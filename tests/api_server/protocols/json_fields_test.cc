#include "api_server/protocols/json_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(JsonFields, GivesWhatIsThere) {
  auto fields = JsonFields::Parse(
      R"({"s": "a", "b": true, "n": 1.5, "i": -3, "one": "x", "many": ["y", "z"], "null": null,
          "o": {"i": 1}})");
  ASSERT_TRUE(fields.ok()) << fields.status();
  EXPECT_EQ(fields->String("s"), "a");
  EXPECT_EQ(fields->Bool("b"), true);
  EXPECT_EQ(fields->Number("n"), 1.5);
  EXPECT_EQ(fields->Number("i"), -3);
  EXPECT_EQ(fields->Integer("i", -3, 3), -3);
  EXPECT_THAT(fields->Strings("one"), ElementsAre("x"));
  EXPECT_THAT(fields->Strings("many"), ElementsAre("y", "z"));
  EXPECT_EQ(fields->String("null"), std::nullopt);
  EXPECT_EQ(fields->String("absent"), std::nullopt);
  EXPECT_THAT(fields->Strings("absent"), IsEmpty());
  EXPECT_EQ(fields->Object("o")->Integer("i", 0, 1), 1);
  EXPECT_TRUE(fields->Done().ok());
}

TEST(JsonFields, NamesTheFirstMistake) {
  const std::vector<std::pair<std::function<void(JsonFields&)>, std::string>> cases = {
      {[](JsonFields& fields) { fields.String("n"); }, "n must be a string"},
      {[](JsonFields& fields) { fields.Bool("n"); }, "n must be true or false"},
      {[](JsonFields& fields) { fields.Number("s"); }, "s must be a number"},
      {[](JsonFields& fields) { fields.Integer("n", 0, 1); }, "n must be an integer from 0 to 1"},
      {[](JsonFields& fields) { fields.Integer("big", 0, INT64_MAX); }, "big must be an integer"},
      {[](JsonFields& fields) { fields.Integer("half", 0, 1); }, "half must be an integer from 0"},
      {[](JsonFields& fields) { fields.Strings("mixed"); }, "mixed must be a string or an array"},
      {[](JsonFields& fields) { fields.Object("s"); }, "s must be an object"},
      {[](JsonFields& fields) { fields.Refuse("s", "is wrong"); }, "s is wrong"},
      {[](JsonFields& fields) { fields.Note(fields.Object("o")->Done()); }, "o.inner is not known"},
  };
  for (const auto& [read, sentence] : cases) {
    auto fields = JsonFields::Parse(R"({"n": 7, "s": "a", "half": 0.5, "mixed": ["a", 1],
        "big": 18446744073709551615, "o": {"inner": 1}})");
    ASSERT_TRUE(fields.ok()) << fields.status();
    read(*fields);
    fields->String("half");  // Later mistakes do not count.
    EXPECT_THAT(std::string(fields->Done().message()), HasSubstr(sentence));
  }
}

TEST(JsonFields, RefusesWhatNobodyAskedFor) {
  auto fields = JsonFields::Parse(R"({"temprature": 1, "nothing": null})");
  fields->Number("temperature");
  EXPECT_THAT(std::string(fields->Done().message()),
              HasSubstr("temprature is not known here; did you mean temperature?"));
  fields->Ignore({"temprature"});
  EXPECT_TRUE(fields->Done().ok());
}

TEST(JsonFields, ReadsStrictJsonObjectsAlone) {
  for (const char* body : {"", "[]", "7", "{", "{} x", "{\"a\": 1, \"a\": 2}", "{\"a\": NaN}",
                           "{\"a\": \"\xFF\"}", "{'a': 1}", "{\"a\": 1,}"}) {
    EXPECT_FALSE(JsonFields::Parse(body).ok()) << body;
  }
  EXPECT_FALSE(
      JsonFields::Parse("{\"a\":" + std::string(1000, '[') + std::string(1000, ']') + "}").ok());
}

}  // namespace
}  // namespace chorus::gateway
