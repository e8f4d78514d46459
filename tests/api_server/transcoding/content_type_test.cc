#include "api_server/transcoding/content_type.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/api_server/transcoding/status_matchers.h"

namespace chorus::gateway {
namespace {

TEST(ContentType, ReadsTypeAndCharset) {
  struct Case {
    std::string header, media_type, charset;
    bool is_utf8 = true;
  };
  for (const Case& c : std::vector<Case>{
           {"", "", ""},
           {"text/plain", "text/plain", ""},
           {"Text/PLAIN; Charset=UTF-8", "text/plain", "utf-8"},
           {"text/plain;charset=\"utf-8\"", "text/plain", "utf-8"},
           {"text/plain;charset=\"U\\TF-8\"", "text/plain", "utf-8"},
           {"text/plain ; charset=us-ascii ;", "text/plain", "us-ascii"},
           {"text/plain; format=flowed; charset=utf8", "text/plain", "utf8"},
           {"text/plain; x=\"a;charset=utf-16\"", "text/plain", ""},
           {"  application/vnd.api+json", "application/vnd.api+json", ""},
           {"text/plain; charset=latin1", "text/plain", "latin1", false},
           {"text/plain; charset=utf-16", "text/plain", "utf-16", false},
       }) {
    const auto type = ContentType::Parse(c.header);
    ASSERT_THAT(type, IsOk()) << c.header;
    EXPECT_EQ(type->media_type, c.media_type) << c.header;
    EXPECT_EQ(type->charset, c.charset) << c.header;
    EXPECT_EQ(type->is_utf8(), c.is_utf8) << c.header;
  }
}

TEST(ContentType, RefusesWhatIsNone) {
  for (const std::string header :
       {"text", "text/", "/plain", "text plain", "text/plain charset=utf-8", "text/plain; charset",
        "text/plain; charset=", "text/plain; =utf-8", "text/plain; charset=\"utf-8",
        "text/plain; charset=\"utf-8\\", "text/plain; charset=\"\"", "text/plain,text/html",
        "text/plain; charset=utf-8; charset=utf-16", " ", ";", "text/plain;;charset=utf-8"}) {
    EXPECT_THAT(ContentType::Parse(header), IsInvalid(testing::HasSubstr("not a content type")))
        << header;
  }
}

TEST(AcceptTest, MostSpecificRangeDecides) {
  struct Case {
    const char* accept;
    bool accepted;
  };
  const Case cases[] = {
      {"", true},
      {"  ", true},
      {"*/*", true},
      {"application/json", true},
      {"APPLICATION/JSON", true},
      {"application/*", true},
      {"text/html, application/json;q=0.1", true},
      {"text/html, */*;q=0.1", true},
      {"application/json; charset=utf-8", true},
      {"application/json;q=0.001", true},
      {"application/json;q=x", true},
      {"application/*;q=0, application/json", true},
      {"application/json, */*;q=0", true},
      {"text/html", false},
      {"text/*", false},
      {"application/json;q=0", false},
      {"application/json; Q=0.000", false},
      {"*/*, application/json;q=0", false},
      {"application/json;q=0, */*", false},
      {"application/*;q=0, */*", false},
      {"*/*;q=0", false},
      {"application/jsonx", false},
      {"application", false},
      {",;,", false},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(Accepts(test.accept, "application/json"), test.accepted) << test.accept;
  }
}

}  // namespace
}  // namespace chorus::gateway
