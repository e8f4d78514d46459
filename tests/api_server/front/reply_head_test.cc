#include "api_server/front/reply_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ReplyHeadTest, IsWholeAndOrdered) {
  const HttpReply reply = {.status = 429,
                           .content_type = "application/json",
                           .fields = {{"Retry-After", "1"}},
                           .body = "12345"};
  EXPECT_EQ(FormatReplyHead(reply, {.request_id = "id", .now = absl::FromUnixSeconds(784111777)}),
            "HTTP/1.1 429 Too Many Requests\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: 5\r\n"
            "X-Request-Id: id\r\n"
            "X-BentoML-Request-ID: id\r\n"
            "Retry-After: 1\r\n"
            "\r\n");
}

TEST(ReplyHeadTest, SaysWhatBecomesOfTheConnection) {
  EXPECT_THAT(FormatReplyHead({}, {.close = true}), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(FormatReplyHead({}, {.minor_version = 0}),
              HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(FormatReplyHead({}, {}), Not(HasSubstr("Connection")));
}

TEST(ReplyHeadTest, NoContentHasNoLength) {
  EXPECT_THAT(FormatReplyHead({.status = 204}, {}), Not(HasSubstr("Content-Length")));
  EXPECT_THAT(FormatReplyHead({.status = 304}, {}), Not(HasSubstr("Content-Length")));
  EXPECT_THAT(FormatReplyHead({.status = 200}, {}), HasSubstr("Content-Length: 0\r\n"));
}

TEST(ReplyHeadTest, LeavesOutValuesThatWouldBeginAField) {
  const HttpReply reply = {.fields = {{"Allow", "GET\r\nSet-Cookie: a"}, {"Other", "b"}}};
  const std::string head = FormatReplyHead(reply, {});
  EXPECT_THAT(head, Not(HasSubstr("Set-Cookie")));
  EXPECT_THAT(head, HasSubstr("\r\nOther: b\r\n"));
}

TEST(ReplyHeadTest, CodesWithoutAReasonGetOne) {
  EXPECT_THAT(FormatReplyHead({.status = 599}, {}), HasSubstr("HTTP/1.1 599 Unknown\r\n"));
}

}  // namespace
}  // namespace chorus::gateway
