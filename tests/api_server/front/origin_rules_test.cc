#include "api_server/front/origin_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus::gateway {
namespace {

using ::testing::IsEmpty;

HttpRequest Request(const std::string& host, const std::string& origin,
                    const std::string& method = "POST") {
  HttpRequest request = {.method = method, .target = "/"};
  if (!host.empty()) request.fields.push_back({"Host", host});
  if (!origin.empty()) request.fields.push_back({"Origin", origin});
  return request;
}

std::string ValueOf(const std::vector<HttpField>& fields, const std::string& name) {
  for (const HttpField& field : fields) {
    if (field.name == name) return field.value;
  }
  return "";
}

TEST(CheckOrigin, OnLoopbackTheHostIsThisMachines) {
  const OriginRules rules = {.is_loopback = true, .hosts = {"chorus.test"}};
  for (const char* host : {"localhost:3000", "LOCALHOST", "127.0.0.1:3000", "127.8.9.1",
                           "[::1]:3000", "app.localhost:1", "chorus.test:80", ""}) {
    EXPECT_TRUE(CheckOrigin(Request(host, ""), rules).ok()) << host;
  }
  for (const char* host :
       {"evil.example", "evil.example:3000", "localhost.evil.example", "127.0.0.1.evil.example",
        "10.0.0.1", "[fe80::1]:3000", "notlocalhost"}) {
    EXPECT_TRUE(absl::IsPermissionDenied(CheckOrigin(Request(host, ""), rules))) << host;
    EXPECT_TRUE(CheckOrigin(Request(host, ""), {}).ok()) << host;  // Elsewhere it may be any.
    EXPECT_TRUE(CheckOrigin(Request(host, ""), {.is_loopback = true, .hosts = {"*"}}).ok());
  }
}

TEST(CheckOrigin, PagesOfOtherHostsMustBeAllowed) {
  const OriginRules rules = {.origins = {"https://app.example.com"}};
  for (const char* origin :
       {"", "http://localhost:3000", "https://LOCALHOST:3000", "https://app.example.com"}) {
    EXPECT_TRUE(CheckOrigin(Request("localhost:3000", origin), rules).ok()) << origin;
  }
  for (const char* origin : {"null", "https://evil.example", "http://localhost:3001",
                             "http://app.example.com", "https://app.example.com.evil.example"}) {
    EXPECT_TRUE(absl::IsPermissionDenied(CheckOrigin(Request("localhost:3000", origin), rules)))
        << origin;
    EXPECT_TRUE(CheckOrigin(Request("localhost:3000", origin), {.origins = {"*"}}).ok());
  }
}

TEST(CorsFields, LetAnAllowedPageRead) {
  const OriginRules rules = {.origins = {"https://app.example.com"}};
  const auto fields = CorsFields(Request("localhost:3000", "https://app.example.com"), rules);
  EXPECT_EQ(ValueOf(fields, "Access-Control-Allow-Origin"), "https://app.example.com");
  EXPECT_EQ(ValueOf(fields, "Vary"), "Origin");
  EXPECT_NE(ValueOf(fields, "Access-Control-Expose-Headers").find("X-Request-Id"),
            std::string::npos);
  EXPECT_THAT(CorsFields(Request("localhost:3000", "https://evil.example"), rules), IsEmpty());
  EXPECT_THAT(CorsFields(Request("localhost:3000", "http://localhost:3000"), rules), IsEmpty());
  EXPECT_THAT(CorsFields(Request("localhost:3000", ""), rules), IsEmpty());
}

TEST(CorsFields, AnswerAPreflight) {
  const OriginRules rules = {.origins = {"*"}};
  HttpRequest request = Request("localhost:3000", "https://app.example.com", "OPTIONS");
  EXPECT_FALSE(IsPreflight(request));
  request.fields.push_back({"Access-Control-Request-Method", "POST"});
  request.fields.push_back({"Access-Control-Request-Headers", "authorization, content-type"});
  EXPECT_TRUE(IsPreflight(request));
  const auto fields = CorsFields(request, rules);
  EXPECT_NE(ValueOf(fields, "Access-Control-Allow-Methods").find("POST"), std::string::npos);
  EXPECT_EQ(ValueOf(fields, "Access-Control-Allow-Headers"), "authorization, content-type");
}

TEST(CheckOriginName, IsWhatBrowsersSend) {
  for (const char* origin : {"*", "https://app.example.com", "http://localhost:8080"}) {
    EXPECT_TRUE(CheckOriginName(origin).ok()) << origin;
  }
  for (const char* origin : {"", "app.example.com", "https://", "https://a.example/", "ftp://a",
                             "https://a b", "https://u@a.example"}) {
    EXPECT_FALSE(CheckOriginName(origin).ok()) << origin;
  }
}

}  // namespace
}  // namespace chorus::gateway
