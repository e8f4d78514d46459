#include "base/utf8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace chorus {
namespace {

TEST(DecodeUtf8, DecodesFirstAndLastOfEachLength) {
  struct Case {
    std::string_view bytes;
    char32_t code_point;
  };
  for (const Case& c : std::vector<Case>{{std::string_view("\0", 1), 0},
                                         {"\x7F", 0x7F},
                                         {"\xC2\x80", 0x80},
                                         {"\xDF\xBF", 0x7FF},
                                         {"\xE0\xA0\x80", 0x800},
                                         {"\xED\x9F\xBF", 0xD7FF},
                                         {"\xEE\x80\x80", 0xE000},
                                         {"\xEF\xBF\xBF", 0xFFFF},
                                         {"\xF0\x90\x80\x80", 0x10000},
                                         {"\xF4\x8F\xBF\xBF", 0x10FFFF}}) {
    const Utf8Step step = DecodeUtf8(c.bytes);
    EXPECT_TRUE(step.valid);
    EXPECT_EQ(step.code_point, c.code_point);
    EXPECT_EQ(step.num_bytes, c.bytes.size());
  }
}

TEST(DecodeUtf8, TakesTheMaximalSubpartOfBadBytes) {
  struct Case {
    std::string_view bytes;
    size_t num_bytes;
    bool truncated;
  };
  for (const Case& c : std::vector<Case>{{"\x80", 1, false},
                                         {"\xC0\x80", 1, false},
                                         {"\xC1\xBF", 1, false},
                                         {"\xE0\x9F\xBF", 1, false},
                                         {"\xED\xA0\x80", 1, false},
                                         {"\xF0\x8F\xBF\xBF", 1, false},
                                         {"\xF4\x90\x80\x80", 1, false},
                                         {"\xF5", 1, false},
                                         {"\xFF", 1, false},
                                         {"\xC2", 1, true},
                                         {"\xC2x", 1, false},
                                         {"\xE2\x82", 2, true},
                                         {"\xE2\x82x", 2, false},
                                         {"\xF0\x9F\x98", 3, true},
                                         {"\xF0\x9F\x98x", 3, false}}) {
    const Utf8Step step = DecodeUtf8(c.bytes);
    EXPECT_FALSE(step.valid) << c.bytes;
    EXPECT_EQ(step.code_point, 0xFFFDu);
    EXPECT_EQ(step.num_bytes, c.num_bytes) << c.bytes;
    EXPECT_EQ(step.truncated, c.truncated) << c.bytes;
  }
}

TEST(FindInvalidUtf8, GivesTheOffset) {
  EXPECT_EQ(FindInvalidUtf8(""), std::string_view::npos);
  EXPECT_EQ(FindInvalidUtf8("naïve 🙂"), std::string_view::npos);
  EXPECT_EQ(FindInvalidUtf8("ab\xFF"), 2u);
  EXPECT_EQ(FindInvalidUtf8("ab\xE2\x82"), 2u);
}

}  // namespace
}  // namespace chorus
