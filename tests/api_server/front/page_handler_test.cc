#include "api_server/front/page_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string FieldOf(const HttpReply& reply, const std::string& name) {
  for (const HttpField& field : reply.fields) {
    if (field.name == name) return field.value;
  }
  return "";
}

// A handler of the one file /x, and what it answers.
HttpReply Get(const std::string& file, const std::string& if_none_match = "") {
  PageHandler handler;
  handler.AddFile("/x", "text/html", file);
  HttpRequest request = {.method = "GET", .target = "/x?y"};
  if (!if_none_match.empty()) request.fields.push_back({"If-None-Match", if_none_match});
  HttpRoute route = handler.Match(request);
  EXPECT_EQ(route.endpoint, "/x");
  EXPECT_FALSE(route.is_call);
  HttpReply reply;
  const absl::Status status = std::move(route.handle)(
      std::move(request), {}, [&](HttpReply file_reply) { reply = std::move(file_reply); });
  EXPECT_TRUE(status.ok()) << status;
  return reply;
}

TEST(PageHandlerTest, ServesAFile) {
  const HttpReply reply = Get("<p>");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "text/html");
  EXPECT_EQ(reply.body, "<p>");
  EXPECT_EQ(FieldOf(reply, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(FieldOf(reply, "Cache-Control"), "no-cache");
  EXPECT_THAT(FieldOf(reply, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(FieldOf(reply, "ETag"), MatchesRegex("\"[0-9a-f]{16}\""));
}

TEST(PageHandlerTest, TellsClientsThatHaveTheFileSo) {
  const std::string etag = FieldOf(Get("<p>"), "ETag");
  for (const std::string& tags : {etag, "W/" + etag, "\"other\", " + etag, std::string("*")}) {
    EXPECT_EQ(Get("<p>", tags).status, 304) << tags;
    EXPECT_EQ(Get("<p>", tags).body, "");
    EXPECT_EQ(FieldOf(Get("<p>", tags), "ETag"), etag);
  }
  EXPECT_EQ(Get("<p>", "\"other\"").status, 200);
  EXPECT_NE(FieldOf(Get("<b>"), "ETag"), etag);
}

TEST(PageHandlerTest, TakesGetAndHeadOfItsPathsOnly) {
  PageHandler handler;
  handler.AddFile("/x", "text/html", "<p>");
  EXPECT_TRUE(handler.Match({.method = "HEAD", .target = "/x"}).refusal.ok());
  for (const char* target : {"/", "/x/", "/xy", "*"}) {
    EXPECT_EQ(handler.Match({.method = "GET", .target = target}).refusal.code(),
              absl::StatusCode::kNotFound);
  }
  const HttpRoute post = handler.Match({.method = "POST", .target = "/x"});
  EXPECT_EQ(post.endpoint, "/x");
  const HttpReply reply = handler.ErrorReply(post.refusal, "id");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(FieldOf(reply, "Allow"), "GET, HEAD");
}

}  // namespace
}  // namespace chorus::gateway
