#include "model_store/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace chorus::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(CheckLabel, TakesKeysAndValuesAsDockerAndKubernetesHaveThem) {
  EXPECT_TRUE(CheckLabel("team", "").ok());
  EXPECT_TRUE(CheckLabel("example.com/a_b-c", "any text; \"quoted\" $HOME é").ok());
  EXPECT_TRUE(CheckLabel(std::string(63, 'k'), std::string(1024, 'v')).ok());
}

TEST(CheckLabel, RefusesOthers) {
  for (const std::string& key : {std::string(), std::string("-x"), std::string("a b"),
                                 std::string("a=b"), std::string(64, 'k')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckLabel(key, "v"))) << key;
  }
  for (const std::string& value :
       {std::string("a\nb"), std::string("\x1b[31m"), std::string(1, '\0'), std::string(1025, 'v'),
        std::string("\xFF"), std::string("\u009B31m")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckLabel("k", value))) << value;
  }
}

TEST(ChangeLabel, SetsReplacesAndRemoves) {
  std::map<std::string, std::string> labels = {{"stage", "test"}, {"team", "nlp"}};
  EXPECT_TRUE(ChangeLabel("stage=live=yes", labels).ok());
  EXPECT_TRUE(ChangeLabel("team-", labels).ok());
  EXPECT_TRUE(ChangeLabel("empty=", labels).ok());
  EXPECT_TRUE(ChangeLabel("a-b=c-", labels).ok());
  EXPECT_THAT(labels, ElementsAre(Pair("a-b", "c-"), Pair("empty", ""), Pair("stage", "live=yes")));
}

TEST(ChangeLabel, SaysWhatIsWrong) {
  std::map<std::string, std::string> labels = {{"stage", "test"}};
  const struct {
    const char* change;
    const char* message;
  } kCases[] = {
      {"stage", "set by KEY=VALUE and removed by KEY-: stage"},
      {"", "set by KEY=VALUE"},
      {"=x", "the key must match"},
      {"-", "the key must match"},
      {"stagw-", "there is no label stagw; there are: stage; did you mean stage?"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(std::string(ChangeLabel(c.change, labels).message()), HasSubstr(c.message));
  }
  EXPECT_THAT(labels, ElementsAre(Pair("stage", "test")));
  labels.clear();
  EXPECT_THAT(std::string(ChangeLabel("stage-", labels).message()), HasSubstr("none at all"));
}

}  // namespace
}  // namespace chorus::store
