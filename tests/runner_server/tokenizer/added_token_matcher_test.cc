#include "runner_server/tokenizer/added_token_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {
namespace {

using ::testing::ElementsAreArray;

using Pieces = std::vector<std::pair<std::string, std::optional<int32_t>>>;

TEST(AddedTokenMatcher, SplitsAtTheLongestLeftmostTokens) {
  AddedTokenMatcher matcher;
  matcher.Add("<e>", 7);
  matcher.Add("<e><f>", 8);
  matcher.Add("ab", 1);
  matcher.Add("bcd", 2);
  matcher.Add("é", 3);
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
    Pieces pieces;
    EXPECT_TRUE(matcher.Split(c.text, [&](std::string_view piece, std::optional<int32_t> id) {
      pieces.emplace_back(piece, id);
      return true;
    }));
    EXPECT_THAT(pieces, ElementsAreArray(c.pieces)) << c.text;
  }
}

TEST(AddedTokenMatcher, StopsWhenTheVisitorHasEnough) {
  AddedTokenMatcher matcher;
  matcher.Add("<e>", 7);
  for (const int enough : {1, 2, 3}) {
    int num_visits = 0;
    EXPECT_FALSE(matcher.Split(
        "a<e>b", [&](std::string_view, std::optional<int32_t>) { return ++num_visits < enough; }));
    EXPECT_EQ(num_visits, enough);
  }
}

TEST(AddedTokenMatcher, WithoutTokensGivesTheTextWhole) {
  const AddedTokenMatcher matcher;
  std::vector<std::string> pieces;
  EXPECT_TRUE(matcher.Split("a b", [&](std::string_view piece, std::optional<int32_t>) {
    pieces.emplace_back(piece);
    return true;
  }));
  EXPECT_THAT(pieces, ElementsAreArray({"a b"}));
}

}  // namespace
}  // namespace chorus
