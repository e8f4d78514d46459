#include "runner_server/tokenizer/word_piece_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runner_server/tokenizer/build_tokenizer.h"
#include "tests/runner_server/tokenizer/golden_file.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Special tokens that the text spells out.
constexpr bool kParsed = false;
constexpr bool kSplit = true;

enum Token : int32_t { kUnk, kCls, kSep, kUn, kAff, kAble, kUnaff, kComma, kA, kAA, kHan };

nlohmann::json Part(const char* kind, const char* id, int type_id) {
  return {{kind, {{"id", id}, {"type_id", type_id}}}};
}

TokenizerSpec SmallSpec() {
  TokenizerSpec spec;
  spec.source = "folder";
  spec.normalizer = {{"type", "BertNormalizer"}};
  spec.pre_tokenizer = {{"type", "BertPreTokenizer"}};
  spec.decoder = {{"type", "WordPiece"}};
  spec.model = {{"type", "WordPiece"}};
  spec.post_processor = {
      {"type", "TemplateProcessing"},
      {"single", nlohmann::json::array({Part("SpecialToken", "[CLS]", 0), Part("Sequence", "A", 0),
                                        Part("SpecialToken", "[SEP]", 0)})}};
  spec.tokens = {"[UNK]", "[CLS]", "[SEP]", "un",  "##aff", "##able",
                 "unaff", ",",     "a",     "##a", "東"};
  spec.added_tokens = {
      {"[UNK]", kUnk, true, false}, {"[CLS]", kCls, true, false}, {"[SEP]", kSep, true, false}};
  return spec;
}

std::unique_ptr<PipelineTokenizer> Make(TokenizerSpec spec) {
  auto pieces = BuildTokenizer(std::move(spec), {});
  EXPECT_TRUE(pieces.ok()) << pieces.status();
  return *std::move(pieces);
}

TEST(WordPieceModel, TakesTheLongestPieceFromTheLeft) {
  const auto pieces = Make(SmallSpec());
  EXPECT_THAT(pieces->Encode("unaffable UNABLE", kParsed).value(),
              ElementsAre(kCls, kUnaff, kAble, kUn, kAble, kSep));
  EXPECT_EQ(pieces->vocab_size(), 11);
}

TEST(WordPieceModel, MakesAWordUnknownIfAPieceIs) {
  const auto pieces = Make(SmallSpec());
  EXPECT_THAT(pieces->Encode("unaffz a able", kParsed).value(),
              ElementsAre(kCls, kUnk, kA, kUnk, kSep));
}

TEST(WordPieceModel, SplitsAtPunctuationAndIdeographs) {
  const auto pieces = Make(SmallSpec());
  EXPECT_THAT(pieces->Encode("a,a東,,", kParsed).value(),
              ElementsAre(kCls, kA, kComma, kA, kHan, kComma, kComma, kSep));
  EXPECT_THAT(pieces->Encode("", kParsed).value(), ElementsAre(kCls, kSep));
  EXPECT_THAT(pieces->Encode(" \n\t", kParsed).value(), ElementsAre(kCls, kSep));
}

TEST(WordPieceModel, KnowsWordsOfAtMostOneHundredCharacters) {
  const auto pieces = Make(SmallSpec());
  EXPECT_EQ(pieces->Encode(std::string(100, 'a'), kParsed).value().size(), 102u);
  EXPECT_THAT(pieces->Encode(std::string(101, 'a'), kParsed).value(),
              ElementsAre(kCls, kUnk, kSep));
  std::string accented;
  for (int i = 0; i < 100; ++i) accented += "á";
  EXPECT_EQ(pieces->Encode(accented, kParsed).value().size(), 102u);
}

TEST(WordPieceModel, CutsTheTextAndKeepsTheFrame) {
  const auto pieces = Make(SmallSpec());
  EXPECT_THAT(EncodeAtMost(*pieces, "a unaffable a", 6),
              ElementsAre(kCls, kA, kUnaff, kAble, kA, kSep));
  EXPECT_THAT(EncodeAtMost(*pieces, "a unaffable a", 4), ElementsAre(kCls, kA, kUnaff, kSep));
  EXPECT_THAT(EncodeAtMost(*pieces, "a unaffable a", 2), ElementsAre(kCls, kSep));
  EXPECT_THAT(EncodeAtMost(*pieces, "[SEP][SEP][SEP]", 3), ElementsAre(kCls, kSep, kSep));
}

TEST(WordPieceModel, FindsAddedTokensInTheTextAsItStands) {
  const auto pieces = Make(SmallSpec());
  EXPECT_THAT(pieces->Encode("a[SEP]a", kParsed).value(), ElementsAre(kCls, kA, kSep, kA, kSep));
  EXPECT_THAT(pieces->Encode("[sep]", kParsed).value(), ElementsAre(kCls, kUnk, kUnk, kUnk, kSep));
}

TEST(WordPieceModel, ReadsSpecialTokensAsCharactersWhereTheCallerSaysSo) {
  TokenizerSpec spec = SmallSpec();
  spec.added_tokens.push_back({"aa", 11, false, true});
  spec.added_tokens.push_back({"a东", 12, true, true});
  const auto pieces = Make(spec);
  EXPECT_THAT(pieces->Encode("a[SEP]a,aa a东", kParsed).value(),
              ElementsAre(kCls, kA, kSep, kA, kComma, 11, 12, kSep));
  EXPECT_THAT(pieces->Encode("a[SEP]a,aa a东", kSplit).value(),
              ElementsAre(kCls, kA, kUnk, kUnk, kUnk, kA, kComma, 11, kA, kUnk, kSep));
  EXPECT_THAT(pieces->EncodeWithSpans("a[SEP]", kSplit).value(),
              ElementsAre(TokenSpan{kA, 0, 1}, TokenSpan{kUnk, 1, 2}, TokenSpan{kUnk, 2, 5},
                          TokenSpan{kUnk, 5, 6}));
}

TEST(WordPieceModel, FindsNormalizedAddedTokensInTheNormalizedText) {
  TokenizerSpec spec = SmallSpec();
  spec.added_tokens.push_back({"Été", 11, false, true});
  spec.added_tokens.push_back({"\u0301", 12, false, true});  // Nothing is left of it.
  const auto pieces = Make(spec);
  EXPECT_THAT(pieces->Encode("ete aÉTÉa", kParsed).value(),
              ElementsAre(kCls, 11, kA, 11, kA, kSep));
}

TEST(WordPieceModel, TellsWhichPartOfTheTextAPieceStandsFor) {
  struct Case {
    std::string text;
    std::vector<TokenSpan> spans;
  };
  TokenizerSpec spec = SmallSpec();
  spec.added_tokens.push_back({"Été", 11, false, true});
  const auto pieces = Make(spec);
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
    EXPECT_EQ(pieces->EncodeWithSpans(c.text, kParsed).value(), c.spans) << c.text;
  }
}

TEST(WordPieceModel, DecodesPiecesToWords) {
  const auto pieces = Make(SmallSpec());
  const auto decode = [&](std::vector<int32_t> ids) { return pieces->Decode(ids).value(); };
  EXPECT_EQ(decode({}), "");
  EXPECT_EQ(decode({kUnaff, kAble, kUn, kComma, kA, kUnk}), "unaffable un, a [UNK]");
  EXPECT_EQ(decode({kAble}), "##able");  // By itself.
  EXPECT_EQ(decode({kCls, kAble, kSep}), "[CLS]able [SEP]");
}

TEST(WordPieceModel, RefusesAMissingSpecialToken) {
  for (const char* token : {"[UNK]", "[CLS]", "[SEP]"}) {
    TokenizerSpec spec = SmallSpec();
    spec.added_tokens.clear();
    std::replace(spec.tokens.begin(), spec.tokens.end(), std::string(token), std::string("x"));
    const auto pieces = BuildTokenizer(spec, {});
    EXPECT_EQ(pieces.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(pieces.status().message()), HasSubstr(token));
  }
}

}  // namespace
}  // namespace chorus::runner
