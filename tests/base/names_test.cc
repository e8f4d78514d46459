#include "base/names.h"

#include <gtest/gtest.h>

#include <string>

namespace chorus {
namespace {

TEST(IsName, TakesWhatItsRuleSays) {
  for (const std::string& name : {std::string("a"), std::string("7B_chat.v2"), std::string("-_."),
                                  std::string("A"), std::string(64, 'x')}) {
    EXPECT_TRUE(IsName(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a/b"), std::string("a:b"),
        std::string("a\n"), std::string("a\0b", 3), std::string("\xC3\xA9"), std::string(65, 'x'),
        std::string("."), std::string("..")}) {
    EXPECT_FALSE(IsName(name)) << name;
  }
}

TEST(IsFileName, TakesNamesThatBeginWithALetterOrADigit) {
  for (const std::string name : {"a", "A-", "7B_chat.v2"}) EXPECT_TRUE(IsFileName(name)) << name;
  for (const std::string name : {"", ".", "..", ".a", "-a", "_a", "a/b"}) {
    EXPECT_FALSE(IsFileName(name)) << name;
  }
}

TEST(HasNameCharacters, MayHaveOthersToo) {
  EXPECT_TRUE(HasNameCharacters(""));
  EXPECT_TRUE(HasNameCharacters(std::string(100, 'x')));
  EXPECT_FALSE(HasNameCharacters("a/b:c"));
  EXPECT_FALSE(HasNameCharacters("a/b:c", "/"));
  EXPECT_TRUE(HasNameCharacters("a/b:c", "/:"));
}

}  // namespace
}  // namespace chorus
