#include "cli/serve/line_prefixer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus {
namespace {

TEST(LinePrefixer, CutsPiecesIntoLines) {
  const struct {
    std::vector<std::string> pieces;
    std::string output;
    std::string last_line;
  } kCases[] = {
      {{}, "", ""},
      {{""}, "", ""},
      {{"one\n"}, "> one\n", "one"},
      {{"one\ntwo\n"}, "> one\n> two\n", "two"},
      {{"o", "n", "e", "\n"}, "> one\n", "one"},
      {{"one\ntw", "o\nthr", "ee\n"}, "> one\n> two\n> three\n", "three"},
      {{"no end"}, "> no end\n", "no end"},
      {{"one\nno end"}, "> one\n> no end\n", "no end"},
      {{"\n\n"}, "> \n> \n", ""},
      {{"said\n", "\n", " \t\n"}, "> said\n> \n>   \n", "said"},
      {{"dos\r\n"}, "> dos\n", "dos"},
      {{"dos\r", "\n"}, "> dos\n", "dos"},
      // Lines command no terminal.
      {{"a\rb\n"}, "> a b\n", "a b"},
      {{std::string("a\0b\n", 4)}, "> a b\n", "a b"},
      {{"a\x1B[31mb\xFF\n"}, "> a [31mb\uFFFD\n", "a [31mb\uFFFD"},
  };
  for (const auto& c : kCases) {
    LinePrefixer prefixer("> ");
    std::string output;
    for (const std::string& piece : c.pieces) output += prefixer.Append(piece);
    output += prefixer.Finish();
    EXPECT_EQ(output, c.output);
    EXPECT_EQ(prefixer.last_line(), c.last_line);
    EXPECT_EQ(prefixer.Finish(), "");
  }
}

TEST(LinePrefixer, HoldsBackALineUntilItEnds) {
  LinePrefixer prefixer("> ");
  EXPECT_EQ(prefixer.Append("half"), "");
  EXPECT_EQ(prefixer.Append(" whole\nnext"), "> half whole\n");
}

TEST(LinePrefixer, CutsALineThatIsTooLong) {
  constexpr size_t kMax = LinePrefixer::kMaxLineBytes;
  LinePrefixer prefixer("> ");
  EXPECT_EQ(prefixer.Append(std::string(kMax - 1, 'x')), "");
  EXPECT_EQ(prefixer.Append("yz"), "> " + std::string(kMax - 1, 'x') + "y\n");
  EXPECT_EQ(prefixer.Append("\n"), "> z\n");

  std::string output = prefixer.Append(std::string(10 * kMax, 'x'));
  EXPECT_EQ(output.size(), 10 * (kMax + 3));
  EXPECT_EQ(prefixer.Finish(), "");
}

TEST(LinePrefixer, ForgetsTheLastLineWhenAsked) {
  LinePrefixer prefixer("");
  prefixer.Append("one\n");
  prefixer.ClearLastLine();
  EXPECT_EQ(prefixer.last_line(), "");
}

}  // namespace
}  // namespace chorus
