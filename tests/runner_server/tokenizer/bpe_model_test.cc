#include "runner_server/tokenizer/bpe_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner_server/tokenizer/build_tokenizer.h"
#include "runner_server/tokenizer/byte_alphabet.h"
#include "runner_server/tokenizer/load_tokenizer.h"
#include "tests/runner_server/tokenizer/golden_file.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Special tokens that the text spells out.
constexpr bool kParsed = false;
constexpr bool kSplit = true;

// The 256 bytes by their value, "he" 256, "Ġhe" 257, "ab" 258, then <|endoftext|> 259.
TokenizerSpec SmallSpec() {
  TokenizerSpec spec;
  spec.source = "folder";
  spec.pre_tokenizer = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  spec.decoder = {{"type", "ByteLevel"}};
  spec.model = {{"type", "BPE"}};
  for (const std::string& character : ByteAlphabet()) spec.tokens.push_back(character);
  for (const char* token : {"he", "Ġhe", "ab"}) spec.tokens.emplace_back(token);
  spec.merges = {{"h", "e"}, {"Ġ", "he"}, {"a", "b"}};
  spec.added_tokens = {{"<|endoftext|>", 259, true, false}};
  return spec;
}

std::unique_ptr<PipelineTokenizer> Make(TokenizerSpec spec) {
  auto bpe = BuildTokenizer(std::move(spec), {});
  EXPECT_TRUE(bpe.ok()) << bpe.status();
  return *std::move(bpe);
}

TEST(BpeModel, MergesBytesOfPreTokens) {
  const auto bpe = Make(SmallSpec());
  EXPECT_THAT(bpe->Encode("he he", kParsed).value(), ElementsAre(256, 257));
  EXPECT_THAT(bpe->Encode("é", kParsed).value(), ElementsAre(0xC3, 0xA9));
  EXPECT_THAT(bpe->Encode("", kParsed).value(), ElementsAre());
  EXPECT_EQ(bpe->vocab_size(), 260);
}

TEST(BpeModel, FindsAddedTokensInTheText) {
  const auto bpe = Make(SmallSpec());
  EXPECT_THAT(bpe->Encode("he<|endoftext|> he", kParsed).value(), ElementsAre(256, 259, 257));
  EXPECT_EQ(bpe->Encode("<|endoftext|", kParsed).value().size(), 12u);
}

TEST(BpeModel, ReadsSpecialTokensAsCharactersWhereTheCallerSaysSo) {
  TokenizerSpec spec = SmallSpec();
  spec.added_tokens.push_back({"xy", 260, false, false});
  spec.added_tokens.push_back({"text", 261, false, false});
  const auto bpe = Make(spec);
  EXPECT_THAT(bpe->Encode("he<|endoftext|>xy", kSplit).value(),
              ElementsAre(256, '<', '|', 'e', 'n', 'd', 'o', 'f', 't', 'e', 'x', 't', '|', '>',
                          260));  // A token inside the special one does not count.
  EXPECT_THAT(bpe->EncodeWithSpans("<|endoftext|>", kSplit).value(), SizeIs(13));
}

TEST(BpeModel, LooksForNormalizedAddedTokensBetweenTheOthers) {
  TokenizerSpec spec = SmallSpec();
  spec.added_tokens.push_back({"he<|", 260, false, true});
  const auto bpe = Make(spec);
  EXPECT_THAT(bpe->Encode("he<|endoftext|>he<|", kParsed).value(), ElementsAre(256, 259, 260));
  EXPECT_EQ(bpe->token_bytes(260), "he<|");
}

TEST(BpeModel, AddsAPrefixSpaceToEveryPieceThatHasNone) {
  TokenizerSpec spec = SmallSpec();
  spec.pre_tokenizer["add_prefix_space"] = true;
  const auto bpe = Make(spec);
  EXPECT_THAT(bpe->Encode("he", kParsed).value(), ElementsAre(257));
  EXPECT_THAT(bpe->Encode(" he<|endoftext|>he", kParsed).value(), ElementsAre(257, 259, 257));
  EXPECT_THAT(bpe->Encode("", kParsed).value(), ElementsAre());
}

TEST(BpeModel, CutsAfterTheMostTokens) {
  const auto bpe = Make(SmallSpec());
  EXPECT_THAT(EncodeAtMost(*bpe, "he he he", 2), ElementsAre(256, 257));
  EXPECT_THAT(EncodeAtMost(*bpe, "he", 2), ElementsAre(256));
  EXPECT_THAT(EncodeAtMost(*bpe, "xyz", 2), ElementsAre('x', 'y'));
  EXPECT_THAT(EncodeAtMost(*bpe, "<|endoftext|><|endoftext|><|endoftext|>", 2),
              ElementsAre(259, 259));
}

TEST(BpeModel, RefusesTokensThatNoMergeMakes) {
  TokenizerSpec spec = SmallSpec();
  spec.merges.pop_back();
  EXPECT_THAT(std::string(BuildTokenizer(spec, {}).status().message()),
              HasSubstr("there are 2 merges, and the vocabulary of 259 tokens needs 1 more, the "
                        "first to make \"ab\""));
  spec.unread_merge = "a b";
  EXPECT_THAT(Make(spec)->Encode("ab", kParsed).value(), ElementsAre('a', 'b'));
  spec = SmallSpec();
  spec.tokens.insert(spec.tokens.end(), {"<|endoftext|>", "<pad>", "[MASK]", "é"});
  spec.tokens.emplace_back("word");
  spec.added_tokens.push_back({"word", 263, false, false});
  EXPECT_EQ(Make(spec)->vocab_size(), 264);
}

TEST(BpeModel, GivesTheBytesOfTokens) {
  const auto bpe = Make(SmallSpec());
  EXPECT_EQ(bpe->token_bytes(257), " he");
  EXPECT_EQ(bpe->token_bytes(0), std::string_view("\0", 1));
  EXPECT_EQ(bpe->token_bytes(259), "");
}

TEST(BpeModel, TellsWhichBytesATokenStandsFor) {
  struct Case {
    std::string text;
    bool add_prefix_space;
    std::vector<TokenSpan> spans;
  };
  for (const Case& c :
       std::vector<Case>{{"", false, {}},
                         {"he he", false, {{256, 0, 2}, {257, 2, 5}}},
                         {"éab", false, {{0xC3, 0, 1}, {0xA9, 1, 2}, {258, 2, 4}}},
                         {"he<|endoftext|> he", false, {{256, 0, 2}, {259, 2, 15}, {257, 15, 18}}},
                         {"", true, {}},
                         {"he", true, {{257, 0, 2}}},
                         {" he<|endoftext|>he", true, {{257, 0, 3}, {259, 3, 16}, {257, 16, 18}}},
                         {"ab", true, {{' ', 0, 0}, {258, 0, 2}}}}) {
    TokenizerSpec spec = SmallSpec();
    spec.pre_tokenizer["add_prefix_space"] = c.add_prefix_space;
    EXPECT_EQ(Make(spec)->EncodeWithSpans(c.text, kParsed).value(), c.spans) << c.text;
  }
}

TEST(BpeModel, DecodesToUtf8WithSpecialTokens) {
  const auto bpe = Make(SmallSpec());
  const auto decode = [&](std::vector<int32_t> ids) { return bpe->Decode(ids).value(); };
  EXPECT_EQ(decode({}), "");
  EXPECT_EQ(decode({256, 259, 257}), "he<|endoftext|> he");
  EXPECT_EQ(decode({0xC3, 0xA9}), "é");
  EXPECT_EQ(decode({0xC3, 256, 0xA9, 0xE2, 0x82}), "\uFFFDhe\uFFFD\uFFFD");
}

void ExpectRefused(TokenizerSpec spec, const std::string& part) {
  const auto bpe = BuildTokenizer(std::move(spec), {});
  EXPECT_EQ(bpe.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bpe.status().message()), HasSubstr(part));
}

TEST(BpeModel, RefusesAVocabularyWithoutAllBytes) {
  TokenizerSpec spec = SmallSpec();
  spec.tokens[0xE9] = "éé";
  ExpectRefused(spec, "no token \"é\" (stands for byte 0xE9)");
}

TEST(BpeModel, RefusesWrongMerges) {
  for (const auto& [merge, part] :
       std::vector<std::pair<std::pair<std::string, std::string>, std::string>>{
           {{"a", "東"}, "merge 4 (\"a\" and \"東\"): merges what is not in the vocabulary"},
           {{"b", "a"}, "makes what is not in the vocabulary"}}) {
    TokenizerSpec spec = SmallSpec();
    spec.merges.push_back(merge);
    ExpectRefused(spec, part);
  }
}

// Quadratic work on these would take minutes; the bound leaves room for sanitizers and slow
// machines.
TEST(BpeModel, EncodesPathologicalMebibytesInBoundedTime) {
  const auto bpe = LoadTokenizer("tests/testdata/tokenizer/gpt2");
  ASSERT_TRUE(bpe.ok()) << bpe.status();
  constexpr size_t kSize = size_t{1} << 20;
  const auto repeated = [](std::string_view unit) {
    std::string text;
    while (text.size() < kSize) text += unit;
    return text;
  };
  for (const std::string_view unit :
       {"a", "abcdefghijklmnopqrstuvwxyz", "!", "=", "-", " ", "\n", "0", "東", "é", "' ", "'",
        "the", "<|endoftext|", "\xF0\x9F\x99\x82"}) {
    const std::string text = repeated(unit);
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<int32_t> ids = (*bpe)->Encode(text, kParsed).value();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    std::string decoded;
    for (const int32_t id : ids) decoded += (*bpe)->bytes()->token_bytes(id);
    EXPECT_TRUE(decoded == text) << unit;
    EXPECT_LT(time.count(), 20.0) << unit;
  }
}

}  // namespace
}  // namespace chorus::runner
