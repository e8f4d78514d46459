#include "cli/table.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace chorus {
namespace {

TEST(FormatSize, TakesTheUnitThatReadsBest) {
  const struct {
    int64_t bytes;
    const char* text;
  } kCases[] = {{0, "0 B"},
                {1023, "1023 B"},
                {1024, "1.0 KiB"},
                {1048524, "1023.9 KiB"},
                {1048575, "1.0 MiB"},
                {8590624, "8.2 MiB"},
                {int64_t{5} << 30, "5.0 GiB"},
                {int64_t{3} << 40, "3.0 TiB"},
                {int64_t{3} << 50, "3072.0 TiB"}};
  for (const auto& c : kCases) EXPECT_EQ(FormatSize(c.bytes), c.text) << c.bytes;
}

TEST(FormatRows, AlignsColumnsAndTheSizesToTheRight) {
  EXPECT_EQ(FormatRows({{"A", "SIZE", "B"}, {"long", "7", ""}}, 1), "A     SIZE  B\nlong     7\n");
  EXPECT_EQ(FormatRows({}, 0), "");
}

TEST(FormatRows, CommandsNoTerminal) {
  EXPECT_EQ(FormatRows({{"a\x1B[31m\nb", "1", "\u009Bc"}, {"d", "2", "e"}}, 1),
            "a [31m b  1   c\nd         2  e\n");
}

}  // namespace
}  // namespace chorus
