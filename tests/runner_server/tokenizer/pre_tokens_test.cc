#include "runner_server/tokenizer/pre_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAreArray;

std::vector<std::string> PreTokens(std::string_view text) {
  std::vector<std::string> tokens;
  while (!text.empty()) {
    const size_t size = FirstPreTokenSize(text);
    tokens.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return tokens;
}

TEST(FirstPreTokenSize, CutsAsThePatternSays) {
  struct Case {
    std::string_view text;
    std::vector<std::string> tokens;
  };
  for (const Case& c :
       std::vector<Case>{{"Hello world", {"Hello", " world"}},
                         {"a1 23!?", {"a", "1", " 23", "!?"}},
                         {"don't we'll I'd", {"don", "'t", " we", "'ll", " I", "'d"}},
                         {"DON'T", {"DON", "'", "T"}},
                         {"it''s", {"it", "''", "s"}},
                         {" 's", {" '", "s"}},
                         {"'sa", {"'s", "a"}},
                         {"'", {"'"}},
                         {"a  b", {"a", " ", " b"}},
                         {"a \n b", {"a", " \n", " b"}},
                         {"a\nb", {"a", "\n", "b"}},
                         {"a \nb", {"a", " ", "\n", "b"}},
                         {"a  ", {"a", "  "}},
                         {" ", {" "}},
                         {"\u00A0x", {"\u00A0", "x"}},
                         {" \u00A0x", {" ", "\u00A0", "x"}},
                         {"\u3000\u2003 ", {"\u3000\u2003 "}},
                         {"é東가 ١٢ ½", {"é東가", " ١٢", " ½"}},
                         {"e\u0301", {"e", "\u0301"}},
                         {"a\u200Bb", {"a", "\u200B", "b"}},
                         {" 🙂!a", {" 🙂!", "a"}}}) {
    EXPECT_THAT(PreTokens(c.text), ElementsAreArray(c.tokens)) << c.text;
  }
}

}  // namespace
}  // namespace chorus::runner
