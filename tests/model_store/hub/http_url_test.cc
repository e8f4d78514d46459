#include "model_store/hub/http_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(HttpUrl, HasAnOriginWithItsPort) {
  const struct {
    std::string text;
    std::string origin;
  } kCases[] = {
      {"https://Hub.Example/a", "https://hub.example:443"},
      {"http://hub.example", "http://hub.example:80"},
      {"HTTPS://hub.example:8443/", "https://hub.example:8443"},
      {"http://[::1]:3000/", "http://[::1]:3000"},
  };
  for (const auto& c : kCases) {
    const auto url = ParseHttpUrl(c.text);
    ASSERT_TRUE(url.ok()) << url.status();
    EXPECT_EQ(url->origin, c.origin);
  }
}

TEST(HttpUrl, RefusesOtherSchemesAndCredentials) {
  for (const char* text :
       {"", "hub.example", "file:///etc/passwd", "ftp://hub", "gopher://hub", "http://",
        "https://user@hub/", "https://user:word@hub/", "http://hub:99999/", "http://a b/"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseHttpUrl(text).status())) << text;
  }
}

TEST(HttpUrl, FollowsRedirectsButNeverToPlaintext) {
  const HttpUrl base = *ParseHttpUrl("https://hub.example/a/b?c");
  EXPECT_EQ(FollowRedirect(base, "/x?y")->text, "https://hub.example/x?y");
  EXPECT_EQ(FollowRedirect(base, "x")->text, "https://hub.example/a/x");
  EXPECT_EQ(FollowRedirect(base, "//cdn.example/x")->text, "https://cdn.example/x");
  EXPECT_EQ(FollowRedirect(base, "https://cdn.example/x")->host, "cdn.example");
  const absl::Status down = FollowRedirect(base, "http://hub.example/x?secret").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(down));
  EXPECT_THAT(std::string(down.message()), Not(HasSubstr("secret")));
  EXPECT_TRUE(FollowRedirect(*ParseHttpUrl("http://hub/"), "http://cdn/x").ok());
  EXPECT_TRUE(FollowRedirect(*ParseHttpUrl("http://hub/"), "https://cdn/x").ok());
  for (const char* location : {"", "file:///etc/passwd", "https://u:p@cdn/"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(FollowRedirect(base, location).status())) << location;
  }
}

TEST(HttpUrl, AnEndpointHasNoSlashAtItsEndAndNoQuery) {
  EXPECT_EQ(ParseEndpoint("https://hub.example/")->text, "https://hub.example");
  EXPECT_EQ(ParseEndpoint("https://hub.example/mirror//")->text, "https://hub.example/mirror");
  EXPECT_FALSE(ParseEndpoint("https://hub.example/?x").ok());
  EXPECT_FALSE(ParseEndpoint("https://hub.example/#x").ok());
}

}  // namespace
}  // namespace chorus::store
