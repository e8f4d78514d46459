#include "runner_server/tokenizer/added_token_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAreArray;

using Pieces = std::vector<std::pair<std::string, std::optional<int32_t>>>;

// Finds tokens as they are.
AddedTokenMatcher Matcher(const std::vector<AddedToken>& tokens) {
  std::vector<std::pair<AddedToken, std::string>> spelled;
  for (const AddedToken& token : tokens) spelled.emplace_back(token, token.content);
  return AddedTokenMatcher(std::move(spelled));
}

Pieces Split(const AddedTokenMatcher& matcher, std::string_view text, bool split_special_tokens) {
  Pieces pieces;
  matcher.Split(text, split_special_tokens, [&](std::string_view piece, std::optional<int32_t> id) {
    pieces.emplace_back(piece, id);
  });
  return pieces;
}

TEST(AddedTokenMatcher, SplitsAtTheLongestLeftmostTokens) {
  const AddedTokenMatcher matcher =
      Matcher({{"<e>", 7}, {"<e><f>", 8}, {"ab", 1}, {"bcd", 2}, {"é", 3}});
  struct Case {
    std::string_view text;
    Pieces pieces;
  };
  for (const Case& c : std::vector<Case>{{"", {}},
                                         {"xyz", {{"xyz", {}}}},
                                         {"<e>", {{"<e>", 7}}},
                                         {"x<e>y<e", {{"x", {}}, {"<e>", 7}, {"y<e", {}}}},
                                         {"<e><e><f>", {{"<e>", 7}, {"<e><f>", 8}}},
                                         {"<<e>", {{"<", {}}, {"<e>", 7}}},
                                         {"abcd", {{"ab", 1}, {"cd", {}}}},
                                         {"xbcd", {{"x", {}}, {"bcd", 2}}},
                                         {"èé", {{"è", {}}, {"é", 3}}}}) {
    EXPECT_THAT(Split(matcher, c.text, false), ElementsAreArray(c.pieces)) << c.text;
  }
}

TEST(AddedTokenMatcher, LeavesSpecialTokensInTheTextWhereTheCallerSaysSo) {
  const AddedTokenMatcher matcher({{{.content = "<e>", .id = 7, .special = true}, "<e>"},
                                   {{.content = "e", .id = 8}, "e"},
                                   {{.content = "<e>", .id = 9, .special = true}, "<E>"}});
  EXPECT_THAT(Split(matcher, "<E>e<e>", false),
              ElementsAreArray(Pieces{{"<E>", 9}, {"e", 8}, {"<e>", 7}}));
  EXPECT_THAT(Split(matcher, "a<E>e<e>b", true),
              ElementsAreArray(Pieces{{"a<E>", {}}, {"e", 8}, {"<e>b", {}}}));
  EXPECT_THAT(Split(matcher, "<e>", true), ElementsAreArray(Pieces{{"<e>", {}}}));
}

TEST(AddedTokenMatcher, TakesTheWhiteSpaceBeforeATokenThatStripsOnItsLeft) {
  const AddedTokenMatcher matcher = Matcher(
      {{.content = "<m>", .id = 7, .special = true, .lstrip = true}, {.content = " e", .id = 8}});
  for (const auto& [text, pieces] : std::vector<std::pair<std::string_view, Pieces>>{
           {"a <m> b", {{"a", {}}, {" <m>", 7}, {" b", {}}}},
           {" \t\n\u3000\u00a0<m>", {{" \t\n\u3000\u00a0<m>", 7}}},
           {"é<m>", {{"é", {}}, {"<m>", 7}}},
           {"\u200b <m>", {{"\u200b", {}}, {" <m>", 7}}},  // No white space.
           {"<m> <m><m>", {{"<m>", 7}, {" <m>", 7}, {"<m>", 7}}},
           {"a e <m>", {{"a", {}}, {" e", 8}, {" <m>", 7}}}}) {
    EXPECT_THAT(Split(matcher, text, false), ElementsAreArray(pieces)) << text;
  }
  EXPECT_THAT(Split(matcher, "a <m>", true), ElementsAreArray(Pieces{{"a <m>", {}}}));
}

TEST(AddedTokenMatcher, TakesTheWhiteSpaceAfterATokenThatStripsOnItsRight) {
  const AddedTokenMatcher matcher =
      Matcher({{.content = "<m>", .id = 7, .rstrip = true},
               {.content = "<n>", .id = 8, .lstrip = true, .rstrip = true}});
  for (const auto& [text, pieces] : std::vector<std::pair<std::string_view, Pieces>>{
           {"a <m> \u3000b", {{"a ", {}}, {"<m> \u3000", 7}, {"b", {}}}},
           {"<m>\n", {{"<m>\n", 7}}},
           {"<m> <n> x", {{"<m> ", 7}, {"<n> ", 8}, {"x", {}}}},
           {"<m><m>", {{"<m>", 7}, {"<m>", 7}}}}) {
    EXPECT_THAT(Split(matcher, text, false), ElementsAreArray(pieces)) << text;
  }
}

TEST(AddedTokenMatcher, FindsWholeWordsOnlyWhereThatIsAsked) {
  const AddedTokenMatcher matcher = Matcher({{.content = "ab", .id = 7, .single_word = true}});
  for (const auto& [text, pieces] : std::vector<std::pair<std::string_view, Pieces>>{
           {"ab", {{"ab", 7}}},
           {"xab ab", {{"xab ", {}}, {"ab", 7}}},
           {"abé", {{"abé", {}}}},
           {"éab", {{"éab", {}}}},
           {"ab_", {{"ab_", {}}}},
           {"abab", {{"abab", {}}}},
           {"(ab)", {{"(", {}}, {"ab", 7}, {")", {}}}}}) {
    EXPECT_THAT(Split(matcher, text, false), ElementsAreArray(pieces)) << text;
  }
}

TEST(AddedTokenMatcher, OfEqualSpellingsTheFirstCountsAndAnEmptyOneNever) {
  const AddedTokenMatcher matcher({{{.content = "a", .id = 1}, "x"},
                                   {{.content = "b", .id = 2}, "x"},
                                   {{.content = "c", .id = 3}, ""}});
  EXPECT_THAT(Split(matcher, "xy", false), ElementsAreArray(Pieces{{"x", 1}, {"y", {}}}));
}

TEST(AddedTokenMatcher, WithoutTokensGivesTheTextWhole) {
  EXPECT_THAT(Split(AddedTokenMatcher(), "a b", false), ElementsAreArray(Pieces{{"a b", {}}}));
}

}  // namespace
}  // namespace chorus::runner
