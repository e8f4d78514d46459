#include "api_server/transcoding/http_template.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/api_server/transcoding/status_matchers.h"

namespace chorus::gateway {
namespace {

// "v1/*/**|name@1-3m|verb": segments, variables with their range (m: several segments), verb.
std::string Print(const HttpTemplate& t) {
  std::vector<std::string> segments;
  for (const HttpTemplate::Segment& segment : t.segments) {
    switch (segment.kind) {
      case HttpTemplate::Segment::Kind::kLiteral:
        segments.push_back(segment.literal);
        break;
      case HttpTemplate::Segment::Kind::kSingle:
        segments.push_back("*");
        break;
      case HttpTemplate::Segment::Kind::kMulti:
        segments.push_back("**");
    }
  }
  std::vector<std::string> variables;
  for (const HttpTemplate::Variable& v : t.variables) {
    variables.push_back(absl::StrCat(absl::StrJoin(v.field_path, "."), "@", v.begin, "-", v.end,
                                     v.multi_segment ? "m" : ""));
  }
  return absl::StrCat(absl::StrJoin(segments, "/"), "|", absl::StrJoin(variables, ","), "|",
                      t.verb);
}

TEST(HttpTemplate, ParsesTheWholeGrammar) {
  struct Case {
    std::string text, expected;
  };
  for (const Case& c : std::vector<Case>{
           {"/a", "a||"},
           {"/classify_generated_texts", "classify_generated_texts||"},
           {"/a/b/c", "a/b/c||"},
           {"/*", "*||"},
           {"/**", "**||"},
           {"/a/*/**", "a/*/**||"},
           {"/a:run", "a||run"},
           {"/**:run", "**||run"},
           {"/{x}", "*|x@0-1|"},
           {"/{x=*}", "*|x@0-1|"},
           {"/{x=**}", "**|x@0-1m|"},
           {"/{x=a}", "a|x@0-1|"},
           {"/{x=a/*}", "a/*|x@0-2m|"},
           {"/v1/{x=a/**}:v", "v1/a/**|x@1-3m|v"},
           {"/v1/{a.b.c}/d", "v1/*/d|a.b.c@1-2|"},
           {"/v1/{_a1=s/*}/{b=t/*}/u", "v1/s/*/t/*/u|_a1@1-3m,b@3-5m|"},
           {"/v1/graphs/{graph}:run", "v1/graphs/*|graph@2-3|run"},
           {"/a%20b:c%2Fd", "a b||c/d"},
           {"/-._~!$&'()+,;@", "-._~!$&'()+,;@||"},
       }) {
    const auto parsed = HttpTemplate::Parse(c.text);
    ASSERT_THAT(parsed, IsOk()) << c.text;
    EXPECT_EQ(Print(*parsed), c.expected) << c.text;
  }
}

TEST(HttpTemplate, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string text, error;
  };
  for (const Case& c : std::vector<Case>{
           {"", "expected \"/\" at offset 0"},
           {"a", "expected \"/\" at offset 0"},
           {"/", "expected a segment at offset 1"},
           {"//", "expected a segment at offset 1"},
           {"/a/", "expected a segment at offset 3"},
           {"/a//b", "expected a segment at offset 3"},
           {"/a:", "expected a verb at offset 3"},
           {"/:v", "expected a segment at offset 1"},
           {"/a:b/c", "expected the end at offset 4"},
           {"/a:b:c", "expected the end at offset 4"},
           {"/a*", "expected \"/\", \":\" or the end at offset 2"},
           {"/***", "expected \"/\", \":\" or the end at offset 3"},
           {"/**/a", "\"**\" must be the last segment at offset 4"},
           {"/**/*", "\"**\" must be the last segment at offset 4"},
           {"/{x=**}/a", "\"**\" must be the last segment at offset 8"},
           {"/{x=**/a}", "\"**\" must be the last segment at offset 7"},
           {"/{x=**}/{y}", "\"**\" must be the last segment at offset 8"},
           {"/{", "expected a field name at offset 2"},
           {"/{}", "expected a field name at offset 2"},
           {"/{1}", "expected a field name at offset 2"},
           {"/{a.}", "expected a field name at offset 4"},
           {"/{a", "expected \"}\" at offset 3"},
           {"/{a-b}", "expected \"}\" at offset 3"},
           {"/{a=}", "expected a segment at offset 4"},
           {"/{a=b", "expected \"}\" at offset 5"},
           {"/{a=b=c}", "expected \"}\" at offset 5"},
           {"/{a=b:c}", "expected \"}\" at offset 5"},
           {"/{a={b}}", "a variable must not hold another at offset 4"},
           {"/{a}/{a}", "the variable a is there twice at offset 8"},
           {"/{a}b", "expected \"/\", \":\" or the end at offset 4"},
           {"/a{b}", "expected \"/\", \":\" or the end at offset 2"},
           {"/a?b", "expected \"/\", \":\" or the end at offset 2"},
           {"/a b", "expected \"/\", \":\" or the end at offset 2"},
           {"/ä", "expected a segment at offset 1"},
           {"/a%2",
            "a % must be followed by two hexadecimal digits (write %25 for the character "
            "itself): \"%2\" at offset 4"},
       }) {
    EXPECT_THAT(HttpTemplate::Parse(c.text),
                IsInvalid("http template \"" + c.text + "\": " + c.error));
  }
}

}  // namespace
}  // namespace chorus::gateway
