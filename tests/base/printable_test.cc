#include "base/printable.h"

#include <gtest/gtest.h>

namespace chorus {
namespace {

TEST(Printable, ShowsTextAsItIs) {
  EXPECT_EQ(Printable(""), "");
  EXPECT_EQ(Printable("one\ntwo: caf\u00E9 \U0001F642"), "one\ntwo: caf\u00E9 \U0001F642");
}

TEST(Printable, CommandsNoTerminal) {
  EXPECT_EQ(Printable("\x1B[2Ja\tb\r\x7F"), " [2Ja b  ");
  EXPECT_EQ(Printable("a\u009B2Jb"), "a 2Jb");  // CSI of the C1 set.
  EXPECT_EQ(Printable(std::string_view("\0", 1)), " ");
}

TEST(PrintableLine, IsOneLine) { EXPECT_EQ(PrintableLine("one\ntwo\x1B"), "one two "); }

TEST(IsPrintable, IsWhatPrintableLineLeavesAsItIs) {
  for (const char* text : {"", "a b", "caf\u00E9 \U0001F642"}) {
    EXPECT_TRUE(IsPrintable(text)) << text;
    EXPECT_EQ(PrintableLine(text), text);
  }
  for (const char* text : {"a\n", "\t", "\x1B[31m", "\x7F", "\u0080", "\u009F", "a\xFF"}) {
    EXPECT_FALSE(IsPrintable(text)) << text;
    EXPECT_TRUE(IsPrintable(PrintableLine(text))) << text;
  }
}

TEST(Printable, IsUtf8) {
  EXPECT_EQ(Printable("a\xFFz"), "a\uFFFDz");
  EXPECT_EQ(Printable("a\xC3"), "a\uFFFD");
}

}  // namespace
}  // namespace chorus
