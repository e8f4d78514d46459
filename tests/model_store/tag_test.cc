#include "model_store/tag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus::store {
namespace {

using ::testing::HasSubstr;

TEST(ParseTag, TakesNameAndVersion) {
  const std::string longest(64, 'x');
  const struct {
    std::string text;
    Tag tag;
  } kCases[] = {
      {"gpt2", {"gpt2", "latest"}},
      {"gpt2:latest", {"gpt2", "latest"}},
      {"gpt2-generation:demo", {"gpt2-generation", "demo"}},
      {"7B_chat.v2:2026-11-22", {"7B_chat.v2", "2026-11-22"}},
      {"a:b", {"a", "b"}},
      {longest + ":" + longest, {longest, longest}},
  };
  for (const auto& c : kCases) {
    const absl::StatusOr<Tag> tag = ParseTag(c.text);
    ASSERT_TRUE(tag.ok()) << tag.status();
    EXPECT_EQ(*tag, c.tag) << c.text;
  }
}

TEST(ParseTag, RefusesWhatIsNoSafeFileName) {
  const struct {
    std::string text;
    std::string message;
  } kCases[] = {
      {"", "name"},
      {":v1", "name"},
      {"gpt2:", "version"},
      {"a:b:c", "\"b:c\""},
      {".", "name"},
      {"..", "name"},
      {".tmp", "name"},
      {"-rf", "name"},
      {"gpt2:..", "version"},
      {"gpt2:.hidden", "version"},
      {"a/b", "\"a/b\""},
      {"gpt2:a/b", "version"},
      {"gpt 2", "name"},
      {"gpt2\n", "\"gpt2\\n\""},
      {std::string("a\0b", 3), "\"a\\000b\""},
      {"gpt\xC3\xA9", "name"},
      {std::string(65, 'x'), "name"},
      {"x:" + std::string(65, 'x'), "version"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ParseTag(c.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message)) << c.text;
  }
}

TEST(Tag, PrintsAsItParses) {
  EXPECT_EQ(ParseTag("gpt2:v1")->ToString(), "gpt2:v1");
  EXPECT_EQ(ParseTag("gpt2")->ToString(), "gpt2:latest");
  EXPECT_TRUE(ParseTag("gpt2")->is_latest());
  EXPECT_FALSE(ParseTag("gpt2:v1")->is_latest());
}

}  // namespace
}  // namespace chorus::store
