#include "runner_server/tokenizer/byte_level_bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
ByteLevelBpe::Definition SmallDefinition() {
  ByteLevelBpe::Definition definition;
  for (const std::string& character : ByteAlphabet()) definition.tokens.push_back(character);
  for (const char* token : {"he", "Ġhe", "ab"}) definition.tokens.emplace_back(token);
  definition.merges = {{"h", "e"}, {"Ġ", "he"}, {"a", "b"}};
  definition.added_tokens = {{"<|endoftext|>", 259, true, false}};
  return definition;
}

std::unique_ptr<ByteLevelBpe> Make(ByteLevelBpe::Definition definition) {
  auto bpe = ByteLevelBpe::Create(std::move(definition));
  EXPECT_TRUE(bpe.ok()) << bpe.status();
  return *std::move(bpe);
}

TEST(ByteLevelBpe, MergesBytesOfPreTokens) {
  const auto bpe = Make(SmallDefinition());
  EXPECT_THAT(bpe->Encode("he he", kParsed), ElementsAre(256, 257));
  EXPECT_THAT(bpe->Encode("é", kParsed), ElementsAre(0xC3, 0xA9));
  EXPECT_THAT(bpe->Encode("", kParsed), ElementsAre());
  EXPECT_EQ(bpe->vocab_size(), 260);
}

TEST(ByteLevelBpe, FindsAddedTokensInTheText) {
  const auto bpe = Make(SmallDefinition());
  EXPECT_THAT(bpe->Encode("he<|endoftext|> he", kParsed), ElementsAre(256, 259, 257));
  EXPECT_EQ(bpe->Encode("<|endoftext|", kParsed).size(), 12u);
  EXPECT_EQ(bpe->eos_id(), 259);
}

TEST(ByteLevelBpe, ReadsSpecialTokensAsCharactersWhereTheCallerSaysSo) {
  ByteLevelBpe::Definition definition = SmallDefinition();
  definition.added_tokens.push_back({"xy", 260, false, false});
  definition.added_tokens.push_back({"text", 261, false, false});
  const auto bpe = Make(definition);
  EXPECT_THAT(bpe->Encode("he<|endoftext|>xy", kSplit),
              ElementsAre(256, '<', '|', 'e', 'n', 'd', 'o', 'f', 't', 'e', 'x', 't', '|', '>',
                          260));  // A token inside the special one does not count.
  EXPECT_THAT(bpe->EncodeWithSpans("<|endoftext|>", kSplit), SizeIs(13));
}

TEST(ByteLevelBpe, LooksForNormalizedAddedTokensBetweenTheOthers) {
  ByteLevelBpe::Definition definition = SmallDefinition();
  definition.added_tokens.push_back({"he<|", 260, false, true});
  const auto bpe = Make(definition);
  EXPECT_THAT(bpe->Encode("he<|endoftext|>he<|", kParsed), ElementsAre(256, 259, 260));
  EXPECT_EQ(bpe->token_bytes(260), "he<|");
}

TEST(ByteLevelBpe, AddsAPrefixSpaceToEveryPieceThatHasNone) {
  ByteLevelBpe::Definition definition = SmallDefinition();
  definition.add_prefix_space = true;
  const auto bpe = Make(definition);
  EXPECT_THAT(bpe->Encode("he", kParsed), ElementsAre(257));
  EXPECT_THAT(bpe->Encode(" he<|endoftext|>he", kParsed), ElementsAre(257, 259, 257));
  EXPECT_THAT(bpe->Encode("", kParsed), ElementsAre());
}

TEST(ByteLevelBpe, CutsAfterTheMostTokens) {
  const auto bpe = Make(SmallDefinition());
  EXPECT_THAT(EncodeAtMost(*bpe, "he he he", 2), ElementsAre(256, 257));
  EXPECT_THAT(EncodeAtMost(*bpe, "he", 2), ElementsAre(256));
  EXPECT_THAT(EncodeAtMost(*bpe, "xyz", 2), ElementsAre('x', 'y'));
  EXPECT_THAT(EncodeAtMost(*bpe, "<|endoftext|><|endoftext|><|endoftext|>", 2),
              ElementsAre(259, 259));
}

TEST(ByteLevelBpe, RefusesTokensThatNoMergeMakes) {
  ByteLevelBpe::Definition definition = SmallDefinition();
  definition.merges.pop_back();
  EXPECT_THAT(std::string(ByteLevelBpe::Create(definition).status().message()),
              HasSubstr("there are 2 merges, and the vocabulary of 259 tokens needs 1 more, the "
                        "first to make \"ab\""));
  definition.unread_merge = "a b";
  EXPECT_THAT(Make(definition)->Encode("ab", kParsed), ElementsAre('a', 'b'));
  definition = SmallDefinition();
  definition.tokens.insert(definition.tokens.end(), {"<|endoftext|>", "<pad>", "[MASK]", "é"});
  definition.tokens.emplace_back("word");
  definition.added_tokens.push_back({"word", 263, false, false});
  EXPECT_EQ(Make(definition)->vocab_size(), 264);
}

TEST(ByteLevelBpe, GivesTheBytesOfTokens) {
  const auto bpe = Make(SmallDefinition());
  EXPECT_EQ(bpe->token_bytes(257), " he");
  EXPECT_EQ(bpe->token_bytes(0), std::string_view("\0", 1));
  EXPECT_EQ(bpe->token_bytes(259), "");
}

TEST(ByteLevelBpe, TellsWhichBytesATokenStandsFor) {
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
    ByteLevelBpe::Definition definition = SmallDefinition();
    definition.add_prefix_space = c.add_prefix_space;
    EXPECT_EQ(Make(definition)->EncodeWithSpans(c.text, kParsed), c.spans) << c.text;
  }
}

TEST(ByteLevelBpe, DecodesToUtf8WithSpecialTokens) {
  const auto bpe = Make(SmallDefinition());
  const auto decode = [&](std::vector<int32_t> ids) { return bpe->Decode(ids); };
  EXPECT_EQ(decode({}), "");
  EXPECT_EQ(decode({256, 259, 257}), "he<|endoftext|> he");
  EXPECT_EQ(decode({0xC3, 0xA9}), "é");
  EXPECT_EQ(decode({0xC3, 256, 0xA9, 0xE2, 0x82}), "\uFFFDhe\uFFFD\uFFFD");
}

void ExpectRefused(ByteLevelBpe::Definition definition, const std::string& part) {
  const auto bpe = ByteLevelBpe::Create(std::move(definition));
  EXPECT_EQ(bpe.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bpe.status().message()), HasSubstr(part));
}

TEST(ByteLevelBpe, RefusesAVocabularyWithoutAllBytes) {
  ByteLevelBpe::Definition definition = SmallDefinition();
  definition.tokens[0xE9] = "éé";
  ExpectRefused(definition, "no token \"é\" (stands for byte 0xE9)");
}

TEST(ByteLevelBpe, RefusesAMissingEnd) {
  ByteLevelBpe::Definition definition = SmallDefinition();
  definition.eos_token = "</s>";
  ExpectRefused(definition, "\"</s>\"");
}

TEST(ByteLevelBpe, RefusesWrongMerges) {
  for (const auto& [merge, part] :
       std::vector<std::pair<std::pair<std::string, std::string>, std::string>>{
           {{"a", "東"}, "merge 4 (\"a\" and \"東\"): merges what is not in the vocabulary"},
           {{"b", "a"}, "makes what is not in the vocabulary"},
           {{"a", "b"}, "is there twice"}}) {
    ByteLevelBpe::Definition definition = SmallDefinition();
    definition.merges.push_back(merge);
    ExpectRefused(definition, part);
  }
}

// Quadratic work on these would take minutes; the bound leaves room for sanitizers and slow
// machines.
TEST(ByteLevelBpe, EncodesPathologicalMebibytesInBoundedTime) {
  const auto bpe = LoadByteLevelBpe("tests/testdata/tokenizer/gpt2");
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
    const std::vector<int32_t> ids = (*bpe)->Encode(text, kParsed);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    std::string decoded;
    for (const int32_t id : ids) decoded += (*bpe)->token_bytes(id);
    EXPECT_TRUE(decoded == text) << unit;
    EXPECT_LT(time.count(), 20.0) << unit;
  }
}

}  // namespace
}  // namespace chorus::runner
