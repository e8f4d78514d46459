#include "api_server/front/own_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string FieldOf(const HttpReply& reply, const std::string& name) {
  for (const HttpField& field : reply.fields) {
    if (field.name == name) return field.value;
  }
  return "";
}

HttpReply Get(const OwnReply& reply, const std::string& if_none_match = "") {
  HttpRequest request = {.method = "GET", .target = "/x"};
  if (!if_none_match.empty()) request.fields.push_back({"If-None-Match", if_none_match});
  return reply(request);
}

TEST(StaticReplyTest, ServesTheFile) {
  const HttpReply reply = Get(StaticReply("text/html", "<p>"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "text/html");
  EXPECT_EQ(reply.body, "<p>");
  EXPECT_EQ(FieldOf(reply, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(FieldOf(reply, "Cache-Control"), "no-cache");
  EXPECT_THAT(FieldOf(reply, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(FieldOf(reply, "ETag"), MatchesRegex("\"[0-9a-f]{16}\""));
}

TEST(StaticReplyTest, TellsClientsThatHaveTheFileSo) {
  const OwnReply reply = StaticReply("text/html", "<p>");
  const std::string etag = FieldOf(Get(reply), "ETag");
  for (const std::string& tags : {etag, "W/" + etag, "\"other\", " + etag, std::string("*")}) {
    EXPECT_EQ(Get(reply, tags).status, 304) << tags;
    EXPECT_EQ(Get(reply, tags).body, "");
    EXPECT_EQ(FieldOf(Get(reply, tags), "ETag"), etag);
  }
  EXPECT_EQ(Get(reply, "\"other\"").status, 200);
  EXPECT_NE(FieldOf(Get(StaticReply("text/html", "<b>")), "ETag"), etag);
}

}  // namespace
}  // namespace chorus
