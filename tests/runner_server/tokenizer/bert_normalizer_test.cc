#include "runner_server/tokenizer/bert_normalizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

struct Case {
  std::string_view text;
  std::string_view normalized;
};

void ExpectNormalized(const BertNormalizer::Options& options, const std::vector<Case>& cases) {
  const BertNormalizer normalizer(options);
  for (const Case& c : cases) EXPECT_EQ(normalizer.Normalize(c.text), c.normalized) << c.text;
}

TEST(BertNormalizer, DoesAllByDefault) {
  ExpectNormalized({}, {{"", ""},
                        {"Élan\t東京", "elan  東  京 "},
                        {std::string_view("a\0b\x01\uFFFD", 7), "ab"},
                        {"ÀÖ ẢẤ", "ao aa"},
                        {"İI", "ii"},
                        {"각", "\u1100\u1161\u11A8"},
                        {"\u3000\u2028\r\n", "    "},
                        {"a\u200Bb\uFEFF", "ab"}});
}

TEST(BertNormalizer, CleansText) {
  ExpectNormalized({true, false, false, false},
                   {{"a\tb\nc\rd", "a b c d"}, {"a\u00A0b\u0085c\x0B", "a bc"}, {"É東", "É東"}});
}

TEST(BertNormalizer, SetsIdeographsApart) {
  ExpectNormalized(
      {false, true, false, false},
      {{"a東b", "a 東 b"}, {"𠀀", " 𠀀 "}, {"ひ가\t", "ひ가\t"}, {"\uF900", " \uF900 "}});
}

TEST(BertNormalizer, StripsAccentsInCanonicalOrder) {
  ExpectNormalized({false, false, true, false},
                   {{"Crème brûlée", "Creme brulee"},
                    {"e\u0301\u0323", "e"},
                    // U+302E (224) and U+1B44 (9) are kept and change places, but not over a base.
                    {"a\u302E\u1B44", "a\u1B44\u302E"},
                    {"a\u302E\u0301\u1B44", "a\u1B44\u302E"},
                    {"a\u302Eb\u1B44", "a\u302Eb\u1B44"},
                    // U+0BC0 is stripped, and of class 0: nothing moves over it.
                    {"a\u302E\u0BC0\u1B44", "a\u302E\u1B44"},
                    {"가", "\u1100\u1161"},
                    {"ǖ\uFB1D", "u\u05D9"}});
}

TEST(BertNormalizer, LowersCharacterByCharacter) {
  ExpectNormalized({false, false, false, true},
                   {{"ÉΣΑΣ", "éσασ"}, {"İ", "i\u0307"}, {"ẞÅ", "ßå"}, {"ǅ\u1C89", "ǆ\u1C8A"}});
}

TEST(BertNormalizer, StripsAccentsByDefaultWhenItLowers) {
  ExpectNormalized({true, true, {}, true}, {{"É", "e"}});
  ExpectNormalized({true, true, {}, false}, {{"É", "É"}});
  ExpectNormalized({true, true, false, true}, {{"É", "é"}});
  ExpectNormalized({true, true, true, false}, {{"É", "E"}});
}

TEST(BertNormalizer, TellsWhichCharacterEachByteComesFrom) {
  const BertNormalizer normalizer({});
  const auto origins = [&](std::string_view text) {
    std::vector<std::pair<size_t, size_t>> ranges;
    for (const auto& [begin, end] : normalizer.Origins(text)) ranges.emplace_back(begin, end);
    return ranges;
  };
  EXPECT_THAT(origins(""), ElementsAre());
  EXPECT_THAT(origins("\x01"
                      "Éa"),
              ElementsAre(Pair(1, 3), Pair(3, 4)));  // "ea"
  // " 東 ", then the two bytes that are all of "ł" in lower case.
  EXPECT_THAT(origins("東\u0301Ł"), ElementsAre(Pair(0, 3), Pair(0, 3), Pair(0, 3), Pair(0, 3),
                                                Pair(0, 3), Pair(5, 7), Pair(5, 7)));
}

}  // namespace
}  // namespace chorus::runner
