#include "bundles/labels.h"

#include <gtest/gtest.h>

#include <string>

namespace chorus {
namespace {

absl::Status Check(const std::string& key, const std::string& value) {
  google::protobuf::Map<std::string, std::string> labels;
  labels[key] = value;
  return CheckLabels(labels, YamlPlaces());
}

TEST(CheckLabels, TakesKeysAndValuesAsDockerAndKubernetesHaveThem) {
  EXPECT_TRUE(Check("team", "").ok());
  EXPECT_TRUE(Check("example.com/a_b-c", "any text; \"quoted\" $HOME é").ok());
  EXPECT_TRUE(Check(std::string(63, 'k'), std::string(1024, 'v')).ok());
}

TEST(CheckLabels, RefusesOthers) {
  for (const std::string& key : {std::string(), std::string("-x"), std::string("a b"),
                                 std::string("a=b"), std::string(64, 'k')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Check(key, "v"))) << key;
  }
  for (const std::string& value : {std::string("a\nb"), std::string("\x1b[31m"),
                                   std::string(1, '\0'), std::string(1025, 'v')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Check("k", value))) << value;
  }
}

}  // namespace
}  // namespace chorus
