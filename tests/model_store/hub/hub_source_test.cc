#include "model_store/hub/hub_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus::store {
namespace {

TEST(HubSource, IsARepositoryAndARevision) {
  const struct {
    std::string text;
    HubSource source;
  } kCases[] = {
      {"openai-community/gpt2", {"openai-community/gpt2", "main"}},
      {"gpt2", {"gpt2", "main"}},
      {"a/b@v1.0", {"a/b", "v1.0"}},
      {"a/b.c_d-e@refs/pr/2", {"a/b.c_d-e", "refs/pr/2"}},
  };
  for (const auto& c : kCases) {
    const auto source = ParseHubSource(c.text);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ(*source, c.source);
  }
}

TEST(HubSource, RefusesWhatCouldLeaveItsPlaceInAPathOrUrl) {
  const std::string long_name(97, 'a');
  for (const std::string& text :
       {std::string(""),           std::string("a/b/c"),          std::string("/b"),
        std::string("a/"),         std::string("../b"),           std::string("a/.."),
        std::string("a/b..c"),     std::string("a/b--c"),         std::string("a/b c"),
        std::string("a/b?x"),      std::string("a/b#x"),          std::string("a/b%2e"),
        std::string("a/.b"),       std::string("-a/b"),           std::string("a/b-"),
        std::string("a/b\0", 4),   std::string("hf:a/b"),         std::string("https://hub/a/b"),
        long_name + "/b",          std::string("a/b@"),           std::string("a/b@.."),
        std::string("a/b@x/../y"), std::string("a/b@/x"),         std::string("a/b@x/"),
        std::string("a/b@x//y"),   std::string("a/b@x y"),        std::string("a/b@x?y"),
        std::string("a/b@x@y"),    "a/b@" + std::string(201, 'x')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseHubSource(text).status())) << text;
  }
}

TEST(HubSource, KnowsTheTutorialsModels) {
  for (const char* name : {"gpt2-generation", "distilgpt2-generation", "gpt2-medium-generation",
                           "bert-base-uncased-classification"}) {
    const auto source = DefaultHubSource(name);
    ASSERT_TRUE(source.has_value()) << name;
    EXPECT_EQ(*ParseHubSource(source->ToString()), *source);
  }
  EXPECT_EQ(DefaultHubSource("gpt2-generation")->repository, "openai-community/gpt2");
  EXPECT_EQ(DefaultHubSource("gpt9"), std::nullopt);
}

TEST(HubSource, TellsCommitsFromBranches) {
  EXPECT_TRUE(IsCommit("0123456789abcdef0123456789abcdef01234567"));
  EXPECT_FALSE(IsCommit("0123456789ABCDEF0123456789abcdef01234567"));
  EXPECT_FALSE(IsCommit("0123456"));
  EXPECT_FALSE(IsCommit("main"));
}

}  // namespace
}  // namespace chorus::store
