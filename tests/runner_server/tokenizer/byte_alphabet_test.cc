#include "runner_server/tokenizer/byte_alphabet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace chorus::runner {
namespace {

TEST(ByteAlphabet, WritesPrintableBytesAsThemselves) {
  EXPECT_EQ(ByteAlphabet()['A'], "A");
  EXPECT_EQ(ByteAlphabet()[0xA1], "¡");
  EXPECT_EQ(ByteAlphabet()[0xFF], "ÿ");
}

TEST(ByteAlphabet, WritesTheOthersAsTheNextUnusedCharacters) {
  EXPECT_EQ(ByteAlphabet()[0], "\u0100");
  EXPECT_EQ(ByteAlphabet()['\n'], "\u010A");
  EXPECT_EQ(ByteAlphabet()[' '], "\u0120");
  EXPECT_EQ(ByteAlphabet()[0x7F], "\u0121");
  EXPECT_EQ(ByteAlphabet()[0xA0], "\u0142");
  EXPECT_EQ(ByteAlphabet()[0xAD], "\u0143");
}

TEST(SpelledBytes, ReadsWhatTheAlphabetWrites) {
  std::set<std::string> characters;
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(SpelledBytes(ByteAlphabet()[byte]), std::string(1, static_cast<char>(byte)));
    characters.insert(ByteAlphabet()[byte]);
  }
  EXPECT_EQ(characters.size(), 256u);
  EXPECT_EQ(SpelledBytes("ĠcafÃ©"), " café");
}

TEST(SpelledBytes, LeavesTokensOfAnotherAlphabetAsTheyAre) {
  EXPECT_EQ(SpelledBytes("Ġ東"), "Ġ東");
  EXPECT_EQ(SpelledBytes("a b"), "a b");
  EXPECT_EQ(SpelledBytes("\u0144"), "\u0144");
}

}  // namespace
}  // namespace chorus::runner
