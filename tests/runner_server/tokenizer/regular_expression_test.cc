#include "runner_server/tokenizer/regular_expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/runner_server/tokenizer/golden_file.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<size_t, size_t>> Matches(std::string_view pattern, std::string_view text) {
  const auto regex = RegularExpression::Compile(pattern);
  EXPECT_TRUE(regex.ok()) << regex.status();
  std::vector<std::pair<size_t, size_t>> matches;
  TextBudget budget(text.size());
  regex->FindAll(text, budget, [&](size_t begin, size_t end) { matches.emplace_back(begin, end); });
  return matches;
}

TEST(RegularExpression, FindsMatchesFromLeftToRight) {
  EXPECT_THAT(Matches("a+", "aabca"), ElementsAre(Pair(0, 2), Pair(4, 5)));
  EXPECT_THAT(Matches("\\p{L}+", "é1東京"), ElementsAre(Pair(0, 2), Pair(3, 9)));
  EXPECT_THAT(Matches("x", "abc"), IsEmpty());
  EXPECT_THAT(Matches("x", ""), IsEmpty());
  EXPECT_THAT(Matches("(?i:'s)", "'S'ſ"), ElementsAre(Pair(0, 2), Pair(2, 5)));
  EXPECT_THAT(Matches("\\{a\\}|\\]", "{a}]"), ElementsAre(Pair(0, 3), Pair(3, 4)));
  EXPECT_THAT(Matches("\\s+(?!\\S)|\\s+", "   a"), ElementsAre(Pair(0, 2), Pair(2, 3)));
}

// tools/golden/make_regex_golden.py says what the file holds.
TEST(RegularExpression, KnowsTheCharactersOfClassesAsHuggingFaceDoes) {
  std::ifstream file(std::string(kTokenizerData) + "regexes.json");
  ASSERT_TRUE(file);
  const nlohmann::json golden = nlohmann::json::parse(file);
  const auto text = golden.at("text").get<std::string>();
  ASSERT_GT(golden.at("cases").size(), 20u);
  for (const nlohmann::json& entry : golden.at("cases")) {
    const auto pattern = entry.at("pattern").get<std::string>();
    EXPECT_EQ(nlohmann::json(Matches(pattern, text)), entry.at("matches")) << pattern;
  }
}

TEST(RegularExpression, FindsEmptyMatchesButNotWhereOneHasJustEnded) {
  EXPECT_THAT(Matches("(?=[A-Z])", "aBC"), ElementsAre(Pair(1, 1), Pair(2, 2)));
  EXPECT_THAT(Matches("a*", "baa"), ElementsAre(Pair(0, 0), Pair(1, 3)));
  EXPECT_THAT(Matches("$", "é"), ElementsAre(Pair(2, 2)));
}

TEST(RegularExpression, SaysWhatIsWrongWithAPattern) {
  for (const auto& [pattern, part] : std::vector<std::pair<std::string, std::string>>{
           {"(a", "end pattern with unmatched parenthesis"},
           {"a{1000}{1000}", "repeats its parts too often"},
           {"((a{100}){100}){1,100}", "repeats its parts too often"},
           {std::string(20000, 'a'), "more than"},
           {[] {
              std::string classes;
              while (classes.size() < 16000) classes += "\\p{Cn}";
              return classes;
            }(),
            "too many classes"},
           {"\\p{Brand}", "invalid character property name {Brand}"},
           {"\xFF", "UTF-8"},
           {"[z-a]", "empty range"}}) {
    const auto regex = RegularExpression::Compile(pattern);
    EXPECT_EQ(regex.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(regex.status().message()), HasSubstr(part));
  }
}

// Each would take longer than the age of the universe; the bound leaves room for sanitizers.
TEST(RegularExpression, EndsSearchesThatTakeTooLong) {
  for (const auto& [pattern, text] :
       std::vector<std::pair<std::string, std::string>>{{"(a+)+b", std::string(50, 'a')},
                                                        {"(a|aa)+$", std::string(60, 'a') + "b"},
                                                        {"(?:x*)*y|(a|a)*c", std::string(100, 'a')},
                                                        {"(\\w+\\s?)+:", std::string(2000, 'w')}}) {
    const auto begin = std::chrono::steady_clock::now();
    Matches(pattern, text);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(time.count(), 30.0) << pattern;
  }
}

TEST(RegularExpression, ReadsAMebibyteOfSpaces) {
  const std::string text(size_t{1} << 20, ' ');
  EXPECT_THAT(Matches("\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", text), ElementsAre(Pair(0, text.size())));
}

}  // namespace
}  // namespace chorus::runner
