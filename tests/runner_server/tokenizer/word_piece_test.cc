#include "runner_server/tokenizer/word_piece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/runner_server/tokenizer/golden_file.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Special tokens that the text spells out.
constexpr bool kParsed = false;
constexpr bool kSplit = true;

enum Token : int32_t { kUnk, kCls, kSep, kUn, kAff, kAble, kUnaff, kComma, kA, kAA, kHan };

WordPiece::Definition SmallDefinition() {
  WordPiece::Definition definition;
  definition.tokens = {"[UNK]", "[CLS]", "[SEP]", "un",  "##aff", "##able",
                       "unaff", ",",     "a",     "##a", "東"};
  definition.added_tokens = {
      {"[UNK]", kUnk, true, false}, {"[CLS]", kCls, true, false}, {"[SEP]", kSep, true, false}};
  return definition;
}

std::unique_ptr<WordPiece> Make(WordPiece::Definition definition) {
  auto pieces = WordPiece::Create(std::move(definition));
  EXPECT_TRUE(pieces.ok()) << pieces.status();
  return *std::move(pieces);
}

TEST(WordPiece, TakesTheLongestPieceFromTheLeft) {
  const auto pieces = Make(SmallDefinition());
  EXPECT_THAT(pieces->Encode("unaffable UNABLE", kParsed),
              ElementsAre(kCls, kUnaff, kAble, kUn, kAble, kSep));
  EXPECT_EQ(pieces->vocab_size(), 11);
}

TEST(WordPiece, MakesAWordUnknownIfAPieceIs) {
  const auto pieces = Make(SmallDefinition());
  EXPECT_THAT(pieces->Encode("unaffz a able", kParsed), ElementsAre(kCls, kUnk, kA, kUnk, kSep));
}

TEST(WordPiece, SplitsAtPunctuationAndIdeographs) {
  const auto pieces = Make(SmallDefinition());
  EXPECT_THAT(pieces->Encode("a,a東,,", kParsed),
              ElementsAre(kCls, kA, kComma, kA, kHan, kComma, kComma, kSep));
  EXPECT_THAT(pieces->Encode("", kParsed), ElementsAre(kCls, kSep));
  EXPECT_THAT(pieces->Encode(" \n\t", kParsed), ElementsAre(kCls, kSep));
}

TEST(WordPiece, KnowsWordsOfAtMostOneHundredCharacters) {
  const auto pieces = Make(SmallDefinition());
  EXPECT_EQ(pieces->Encode(std::string(100, 'a'), kParsed).size(), 102u);
  EXPECT_THAT(pieces->Encode(std::string(101, 'a'), kParsed), ElementsAre(kCls, kUnk, kSep));
  std::string accented;
  for (int i = 0; i < 100; ++i) accented += "á";
  EXPECT_EQ(pieces->Encode(accented, kParsed).size(), 102u);
}

TEST(WordPiece, CutsTheTextAndKeepsTheFrame) {
  const auto pieces = Make(SmallDefinition());
  EXPECT_THAT(EncodeAtMost(*pieces, "a unaffable a", 6),
              ElementsAre(kCls, kA, kUnaff, kAble, kA, kSep));
  EXPECT_THAT(EncodeAtMost(*pieces, "a unaffable a", 4), ElementsAre(kCls, kA, kUnaff, kSep));
  EXPECT_THAT(EncodeAtMost(*pieces, "a unaffable a", 2), ElementsAre(kCls, kSep));
  EXPECT_THAT(EncodeAtMost(*pieces, "[SEP][SEP][SEP]", 3), ElementsAre(kCls, kSep, kSep));
}

TEST(WordPiece, FindsAddedTokensInTheTextAsItStands) {
  const auto pieces = Make(SmallDefinition());
  EXPECT_THAT(pieces->Encode("a[SEP]a", kParsed), ElementsAre(kCls, kA, kSep, kA, kSep));
  EXPECT_THAT(pieces->Encode("[sep]", kParsed), ElementsAre(kCls, kUnk, kUnk, kUnk, kSep));
}

TEST(WordPiece, ReadsSpecialTokensAsCharactersWhereTheCallerSaysSo) {
  WordPiece::Definition definition = SmallDefinition();
  definition.added_tokens.push_back({"aa", 11, false, true});
  definition.added_tokens.push_back({"a东", 12, true, true});
  const auto pieces = Make(definition);
  EXPECT_THAT(pieces->Encode("a[SEP]a,aa a东", kParsed),
              ElementsAre(kCls, kA, kSep, kA, kComma, 11, 12, kSep));
  EXPECT_THAT(pieces->Encode("a[SEP]a,aa a东", kSplit),
              ElementsAre(kCls, kA, kUnk, kUnk, kUnk, kA, kComma, 11, kA, kUnk, kSep));
  EXPECT_THAT(pieces->EncodeWithSpans("a[SEP]", kSplit),
              ElementsAre(TokenSpan{kA, 0, 1}, TokenSpan{kUnk, 1, 2}, TokenSpan{kUnk, 2, 5},
                          TokenSpan{kUnk, 5, 6}));
}

TEST(WordPiece, FindsNormalizedAddedTokensInTheNormalizedText) {
  WordPiece::Definition definition = SmallDefinition();
  definition.added_tokens.push_back({"Été", 11, false, true});
  definition.added_tokens.push_back({"\u0301", 12, false, true});  // Nothing is left of it.
  const auto pieces = Make(definition);
  EXPECT_THAT(pieces->Encode("ete aÉTÉa", kParsed), ElementsAre(kCls, 11, kA, 11, kA, kSep));
}

TEST(WordPiece, TellsWhichPartOfTheTextAPieceStandsFor) {
  struct Case {
    std::string text;
    std::vector<TokenSpan> spans;
  };
  WordPiece::Definition definition = SmallDefinition();
  definition.added_tokens.push_back({"Été", 11, false, true});
  const auto pieces = Make(definition);
  for (const Case& c : std::vector<Case>{
           {"", {}},
           {" \n", {}},
           {"unaffable  UNABLE", {{kUnaff, 0, 5}, {kAble, 5, 9}, {kUn, 11, 13}, {kAble, 13, 17}}},
           {"a unknown,a", {{kA, 0, 1}, {kUnk, 2, 9}, {kComma, 9, 10}, {kA, 10, 11}}},
           {"a東a", {{kA, 0, 1}, {kHan, 1, 4}, {kA, 4, 5}}},
           {"\u00e1\u00e1 \u00c1", {{kA, 0, 2}, {kAA, 2, 4}, {kA, 5, 7}}},
           // An accent of its own, and a control, belong to no token.
           {"a\u0301,\u0301a\x01", {{kA, 0, 1}, {kComma, 3, 4}, {kA, 6, 7}}},
           {"a[SEP] a", {{kA, 0, 1}, {kSep, 1, 6}, {kA, 7, 8}}},
           {"a ÉTÉa", {{kA, 0, 1}, {11, 2, 7}, {kA, 7, 8}}}}) {
    EXPECT_EQ(pieces->EncodeWithSpans(c.text, kParsed), c.spans) << c.text;
  }
}

TEST(WordPiece, DecodesPiecesToWords) {
  const auto pieces = Make(SmallDefinition());
  const auto decode = [&](std::vector<int32_t> ids) { return pieces->Decode(ids); };
  EXPECT_EQ(decode({}), "");
  EXPECT_EQ(decode({kUnaff, kAble, kUn, kComma, kA, kUnk}), "unaffable un, a [UNK]");
  EXPECT_EQ(decode({kAble}), "##able");  // By itself.
  EXPECT_EQ(decode({kCls, kAble, kSep}), "[CLS]able [SEP]");
}

TEST(WordPiece, RefusesAMissingSpecialToken) {
  for (const char* token : {"[UNK]", "[CLS]", "[SEP]"}) {
    WordPiece::Definition definition = SmallDefinition();
    definition.added_tokens.clear();
    std::replace(definition.tokens.begin(), definition.tokens.end(), std::string(token),
                 std::string("x"));
    const auto pieces = WordPiece::Create(definition);
    EXPECT_EQ(pieces.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(pieces.status().message()), HasSubstr(token));
  }
}

}  // namespace
}  // namespace chorus::runner
