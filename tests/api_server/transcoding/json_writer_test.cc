#include "api_server/transcoding/json_writer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace chorus::gateway {
namespace {

TEST(AppendJsonString, EscapesOnlyWhatJsonMust) {
  struct Case {
    std::string text, json;
  };
  for (const Case& c : std::vector<Case>{{"", "\"\""},
                                         {"a/b<c>&'", "\"a/b<c>&'\""},
                                         {"\"\\", R"("\"\\")"},
                                         {"\n\r\t\b\f", R"("\n\r\t\u0008\u000c")"},
                                         {std::string("\0\x1f\x7f", 3), "\"\\u0000\\u001f\x7f\""},
                                         {"naïve 🙂 \u2028", "\"naïve 🙂 \u2028\""},
                                         {"a\xFFz", "\"a\uFFFDz\""},
                                         {"\xE2\x82", "\"\uFFFD\""},
                                         {"\xED\xA0\x80", "\"\uFFFD\uFFFD\uFFFD\""}}) {
    std::string json = "before";
    AppendJsonString(c.text, json);
    EXPECT_EQ(json, "before" + c.json);
  }
}

std::string Number(double value) {
  std::string json;
  AppendJsonNumber(value, json);
  return json;
}

std::string Number(float value) {
  std::string json;
  AppendJsonNumber(value, json);
  return json;
}

TEST(AppendJsonNumber, WritesTheShortest) {
  EXPECT_EQ(Number(0.0), "0");
  EXPECT_EQ(Number(-0.0), "-0");
  EXPECT_EQ(Number(1.0), "1");
  EXPECT_EQ(Number(0.93), "0.93");
  EXPECT_EQ(Number(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(Number(0.1f), "0.1");
  EXPECT_EQ(Number(1e300), "1e+300");
  EXPECT_EQ(Number(std::numeric_limits<double>::quiet_NaN()), "\"NaN\"");
  EXPECT_EQ(Number(std::numeric_limits<double>::infinity()), "\"Infinity\"");
  EXPECT_EQ(Number(-std::numeric_limits<float>::infinity()), "\"-Infinity\"");
}

TEST(AppendJsonNumber, ReadsBackTheSame) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(-300, 300);
  for (int i = 0; i < 10'000; ++i) {
    const double value = std::pow(10.0, exponent(random));
    EXPECT_EQ(std::strtod(Number(value).c_str(), nullptr), value);
    const auto small = static_cast<float>(std::pow(10.0, exponent(random) / 10));
    EXPECT_EQ(std::strtof(Number(small).c_str(), nullptr), small);
  }
}

}  // namespace
}  // namespace chorus::gateway
