#include "runner_server/tokenizer/pre_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "runner_server/tokenizer/regular_expression.h"
#include "runner_server/tokenizer/unicode.h"
#include "tests/runner_server/tokenizer/golden_file.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<std::string> PreTokens(std::string_view text,
                                   PreTokenPattern pattern = PreTokenPattern::kGpt2) {
  std::vector<std::string> tokens;
  while (!text.empty()) {
    const size_t size = FirstPreTokenSize(text, pattern);
    tokens.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return tokens;
}

TEST(FirstPreTokenSize, CutsAsThePatternSays) {
  struct Case {
    std::string_view text;
    std::vector<std::string> tokens;
  };
  for (const Case& c :
       std::vector<Case>{{"Hello world", {"Hello", " world"}},
                         {"a1 23!?", {"a", "1", " 23", "!?"}},
                         {"don't we'll I'd", {"don", "'t", " we", "'ll", " I", "'d"}},
                         {"DON'T", {"DON", "'", "T"}},
                         {"it''s", {"it", "''", "s"}},
                         {" 's", {" '", "s"}},
                         {"'sa", {"'s", "a"}},
                         {"'", {"'"}},
                         {"a  b", {"a", " ", " b"}},
                         {"a \n b", {"a", " \n", " b"}},
                         {"a\nb", {"a", "\n", "b"}},
                         {"a \nb", {"a", " ", "\n", "b"}},
                         {"a  ", {"a", "  "}},
                         {" ", {" "}},
                         {"\u00A0x", {"\u00A0", "x"}},
                         {" \u00A0x", {" ", "\u00A0", "x"}},
                         {"\u3000\u2003 ", {"\u3000\u2003 "}},
                         {"é東가 ١٢ ½", {"é東가", " ١٢", " ½"}},
                         {"e\u0301", {"e", "\u0301"}},
                         {"a\u200Bb", {"a", "\u200B", "b"}},
                         {" 🙂!a", {" 🙂!", "a"}}}) {
    EXPECT_THAT(PreTokens(c.text), ElementsAreArray(c.tokens)) << c.text;
  }
}

TEST(FirstPreTokenSize, CutsAsLlama3sAndQwen2sPatternsSay) {
  struct Case {
    std::string_view text;
    std::vector<std::string> tokens;
  };
  for (const Case& c :
       std::vector<Case>{{"Hello world", {"Hello", " world"}},
                         {"don't WE'LL 'S'", {"don", "'t", " WE", "'LL", " '", "S", "'"}},
                         {"'ſx'Ve'l", {"'ſ", "x", "'Ve", "'l"}},
                         {"12345 67", {"123", "45", " ", "67"}},
                         {"a!b\tc", {"a", "!b", "\tc"}},
                         {"(!)\r\n\nx", {"(!)\r\n\n", "x"}},
                         {"a \n\n b", {"a", " \n\n", " b"}},
                         {"a  \t b", {"a", "  \t", " b"}},
                         {"  ", {"  "}},
                         {" \n ", {" \n", " "}},
                         {"\nx", {"\n", "x"}},
                         {"\u00A0x \u3000.", {"\u00A0x", " ", "\u3000", "."}}}) {
    EXPECT_THAT(PreTokens(c.text, PreTokenPattern::kLlama3), ElementsAreArray(c.tokens)) << c.text;
  }
  EXPECT_THAT(PreTokens("12a", PreTokenPattern::kQwen2), ElementsAre("1", "2", "a"));
}

constexpr char kLlama3[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

TEST(PreTokenPatternFromText, KnowsThreePatterns) {
  EXPECT_EQ(PreTokenPatternFromText(kLlama3), PreTokenPattern::kLlama3);
  std::string qwen2 = kLlama3;
  qwen2.erase(qwen2.find("{1,3}"), 5);
  EXPECT_EQ(PreTokenPatternFromText(qwen2), PreTokenPattern::kQwen2);
  EXPECT_EQ(PreTokenPatternFromText(
                R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"),
            PreTokenPattern::kGpt2);
  for (const std::string_view other : {"", "\\s+", "(?i:'s|'t|'re|'ve|'m|'ll|'d)"}) {
    EXPECT_EQ(PreTokenPatternFromText(other), std::nullopt);
  }
}

// Whether the engine, whose Unicode may be older, takes all characters for what the tables do.
bool IsKnownAlike(std::string_view text) {
  static const auto& letter = *new RegularExpression(*RegularExpression::Compile("\\p{L}"));
  static const auto& number = *new RegularExpression(*RegularExpression::Compile("\\p{N}"));
  static auto& known = *new std::map<char32_t, bool>;
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = DecodeUtf8(text.substr(i));
    const auto [found, inserted] = known.try_emplace(step.code_point, true);
    if (inserted) {
      const auto matches = [&](const RegularExpression& regex) {
        bool any = false;
        TextBudget budget(step.num_bytes);
        regex.FindAll(text.substr(i, step.num_bytes), budget, [&](size_t, size_t) { any = true; });
        return any;
      };
      found->second = matches(letter) == HasTrait(step.code_point, kIsLetter) &&
                      matches(number) == HasTrait(step.code_point, kIsNumber);
    }
    if (!found->second) return false;
    i += step.num_bytes;
  }
  return true;
}

TEST(FirstPreTokenSize, EqualsTheEnginesMatches) {
  const auto regex = RegularExpression::Compile(kLlama3);
  ASSERT_TRUE(regex.ok());
  int num_compared = 0;
  for (const std::string& text : GoldenStrings()) {
    if (!IsKnownAlike(text)) continue;
    std::vector<std::string> expected;
    TextBudget budget(text.size());
    regex->FindAll(text, budget, [&](size_t begin, size_t end) {
      expected.push_back(text.substr(begin, end - begin));
    });
    ASSERT_THAT(PreTokens(text, PreTokenPattern::kLlama3), ElementsAreArray(expected));
    ++num_compared;
  }
  EXPECT_GT(num_compared, 20000);
}

}  // namespace
}  // namespace chorus::runner
