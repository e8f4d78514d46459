#include "runner_server/tokenizer/detokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

class FakeBytes : public TokenBytes {
 public:
  explicit FakeBytes(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}
  std::string_view token_bytes(int32_t id) const override { return tokens_.at(id); }

 private:
  const std::vector<std::string> tokens_;
};

// What each token of the text, in order, lets out, and what Finish() does.
std::vector<std::string> Emissions(const std::vector<std::string>& tokens) {
  const FakeBytes bytes(tokens);
  Detokenizer detokenizer(bytes);
  std::vector<std::string> emissions;
  for (size_t id = 0; id < tokens.size(); ++id) {
    emissions.push_back(detokenizer.Append(static_cast<int32_t>(id)));
  }
  emissions.push_back(detokenizer.Finish());
  return emissions;
}

TEST(Detokenizer, EmitsWholeCharactersAtOnce) {
  EXPECT_THAT(Emissions({"ab", " é", "🙂c"}), ElementsAre("ab", " é", "🙂c", ""));
}

TEST(Detokenizer, HoldsACharacterBackUntilItIsWhole) {
  EXPECT_THAT(Emissions({"a\xF0", "\x9F", "\x99", "\x82z"}), ElementsAre("a", "", "", "🙂z", ""));
  EXPECT_THAT(Emissions({"\xC3", "\xA9\xC3", "\xA9"}), ElementsAre("", "é", "é", ""));
}

TEST(Detokenizer, HoldsBackAcrossTokensWithoutBytes) {
  EXPECT_THAT(Emissions({"\xC3", "", "\xA9"}), ElementsAre("", "", "é", ""));
}

TEST(Detokenizer, ReplacesMaximalSubpartsAsPythonDoes) {
  struct Case {
    std::vector<std::string> tokens;
    std::vector<std::string> emissions;
  };
  for (const Case& c : std::vector<Case>{{{"\x80"}, {"\uFFFD", ""}},
                                         {{"\xFF\xFE"}, {"\uFFFD\uFFFD", ""}},
                                         {{"\xE2\x82", "x"}, {"", "\uFFFDx", ""}},
                                         {{"\xE2", "\xE2\x82\xAC"}, {"", "\uFFFD€", ""}},
                                         {{"\xF0\x9F\x99"}, {"", "\uFFFD"}},
                                         {{"\xF0", "\x8F"}, {"", "\uFFFD\uFFFD", ""}},
                                         {{"\xED", "\xA0\x80"}, {"", "\uFFFD\uFFFD\uFFFD", ""}},
                                         {{"a\xE2\x82"}, {"a", "\uFFFD"}}}) {
    EXPECT_THAT(Emissions(c.tokens), ElementsAreArray(c.emissions))
        << ::testing::PrintToString(c.tokens);
  }
}

TEST(Detokenizer, IsReadyForAnotherTextAfterFinish) {
  const FakeBytes bytes({"\xC3", "a"});
  Detokenizer detokenizer(bytes);
  EXPECT_EQ(detokenizer.Append(0), "");
  EXPECT_EQ(detokenizer.Finish(), "\uFFFD");
  EXPECT_EQ(detokenizer.Append(1), "a");
  EXPECT_EQ(detokenizer.Finish(), "");
}

// SentencePiece's: the first token loses its space, and bytes are tokens.
class SpacedBytes : public FakeBytes {
 public:
  using FakeBytes::FakeBytes;
  std::string_view first_token_bytes(int32_t id) const override {
    const std::string_view bytes = token_bytes(id);
    return bytes.starts_with(' ') ? bytes.substr(1) : bytes;
  }
  bool replaces_each_byte() const override { return true; }
};

std::string Streamed(Detokenizer detokenizer, const std::vector<int32_t>& ids) {
  std::string text;
  for (const int32_t id : ids) text += detokenizer.Append(id);
  return text + detokenizer.Finish();
}

TEST(Detokenizer, TakesTheSpaceOfTheFirstTokenWithText) {
  const SpacedBytes bytes({"", " a", " b"});
  EXPECT_EQ(Streamed(Detokenizer(bytes), {0, 1, 2}), "a b");
  EXPECT_EQ(Streamed(Detokenizer(bytes, std::vector<int32_t>{0}), {1, 2}), "a b");
  EXPECT_EQ(Streamed(Detokenizer(bytes, std::vector<int32_t>{2, 0}), {1, 2}), " a b");
}

// BPEDecoder's: a word's end is a space, but at the end of the text.
class SuffixedBytes : public FakeBytes {
 public:
  using FakeBytes::FakeBytes;
  std::string_view last_token_bytes(int32_t id) const override {
    const std::string_view bytes = token_bytes(id);
    return bytes.ends_with(' ') ? bytes.substr(0, bytes.size() - 1) : bytes;
  }
};

TEST(Detokenizer, GivesTheSpaceAfterAWordWithTheNextToken) {
  const SuffixedBytes bytes({"", "a ", "é", "b ", " "});
  Detokenizer detokenizer(bytes);
  for (const auto& [id, text] : std::vector<std::pair<int32_t, std::string>>{
           {1, "a"}, {0, ""}, {2, " é"}, {3, "b"}, {4, " "}, {4, " "}, {0, ""}, {1, " a"}}) {
    EXPECT_EQ(detokenizer.Append(id), text);
  }
  EXPECT_EQ(detokenizer.Finish(), "");
  EXPECT_EQ(detokenizer.Append(1), "a");
  EXPECT_EQ(Streamed(Detokenizer(bytes, std::vector<int32_t>{1, 0}), {3, 2}), " b é");
  EXPECT_EQ(Streamed(Detokenizer(bytes, std::vector<int32_t>{1, 2}), {3, 2}), "b é");
}

// CTC's: a token is said for as long as it is heard, but for blanks.
class RepeatedBytes : public FakeBytes {
 public:
  using FakeBytes::FakeBytes;
  int32_t repeat_number(int32_t id) const override { return id == 0 ? -1 : id; }
};

TEST(Detokenizer, LeavesOutWhatRepeatsTheTokenBeforeIt) {
  const RepeatedBytes bytes({"", "", "l", "o"});  // The second is the blank, the first special.
  EXPECT_EQ(Streamed(Detokenizer(bytes), {2, 2, 0, 2, 1, 1, 2, 3, 3}), "llo");
  EXPECT_EQ(Streamed(Detokenizer(bytes, std::vector<int32_t>{3, 2, 0}), {2, 3}), "o");
  EXPECT_EQ(Streamed(Detokenizer(bytes, std::vector<int32_t>{2, 1}), {2, 3}), "lo");
}

TEST(Detokenizer, ReplacesEveryBadByteWhereTokensAreBytes) {
  const SpacedBytes bytes({"\xE2", "\x82", "\xAC", "a"});
  EXPECT_EQ(Streamed(Detokenizer(bytes), {0, 1, 2}), "\u20AC");
  EXPECT_EQ(Streamed(Detokenizer(bytes), {0, 1, 3}), "\uFFFD\uFFFDa");
  EXPECT_EQ(Streamed(Detokenizer(bytes), {0, 1}), "\uFFFD\uFFFD");
}

TEST(ReplaceInvalidUtf8, LeavesOnlyWholeCharacters) {
  EXPECT_EQ(ReplaceInvalidUtf8(""), "");
  EXPECT_EQ(ReplaceInvalidUtf8("a🙂"), "a🙂");
  EXPECT_EQ(ReplaceInvalidUtf8("\xA9"
                               "a\xC3"
                               "b\xF0\x9F"),
            "\uFFFDa\uFFFDb\uFFFD");
}

}  // namespace
}  // namespace chorus::runner
