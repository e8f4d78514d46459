#include "api_server/transcoding/percent_encoding.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/api_server/transcoding/status_matchers.h"

namespace chorus::gateway {
namespace {

TEST(PercentEncoding, DecodesEachKind) {
  struct Case {
    std::string text, segment, keeping_slashes, form;
  };
  for (const Case& c : std::vector<Case>{
           {"", "", "", ""},
           {"abc", "abc", "abc", "abc"},
           {"a%20b", "a b", "a b", "a b"},
           {"a+b", "a+b", "a+b", "a b"},
           {"a%2Bb", "a+b", "a+b", "a+b"},
           {"a%2Fb%2fc", "a/b/c", "a%2Fb%2fc", "a/b/c"},
           {"%25%32%46", "%2F", "%2F", "%2F"},
           {"%F0%9f%99%82", "🙂", "🙂", "🙂"},
           {"%00", std::string(1, '\0'), std::string(1, '\0'), std::string(1, '\0')}}) {
    EXPECT_EQ(*DecodePathSegment(c.text), c.segment);
    EXPECT_EQ(*DecodePathSegmentKeepingSlashes(c.text), c.keeping_slashes);
    EXPECT_EQ(*DecodeFormComponent(c.text), c.form);
  }
}

TEST(PercentEncoding, RefusesBadEscapes) {
  for (const std::string text : {"%", "%4", "a%4", "%zz", "%4g", "%g4", "% 4", "%+4", "%-1"}) {
    const auto is_bad =
        IsInvalid(testing::HasSubstr("a % must be followed by two hexadecimal digits"));
    EXPECT_THAT(DecodePathSegment(text), is_bad) << text;
    EXPECT_THAT(DecodePathSegmentKeepingSlashes(text), is_bad) << text;
    EXPECT_THAT(DecodeFormComponent(text), is_bad) << text;
  }
  EXPECT_THAT(DecodePathSegment("ab%4gcd"), IsInvalid(testing::EndsWith(": \"%4g\"")));
}

}  // namespace
}  // namespace chorus::gateway
