#include "runner_server/metrics/status_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/runner_server/metrics/http_get.h"

namespace chorus::runner {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class StatusPagesTest : public ::testing::Test {
 protected:
  StatusPagesTest() {
    auto pages = StatusPages::Listen(
        "127.0.0.1:0",
        {{"/count", "text/plain", [this] { return absl::StrCat("made ", ++num_made_); }},
         {"/debug/large", "application/json", [] { return std::string(1 << 20, 'x'); }}});
    EXPECT_TRUE(pages.ok()) << pages.status();
    pages_ = *std::move(pages);
  }

  std::atomic<int> num_made_ = 0;
  std::unique_ptr<StatusPages> pages_;
};

TEST_F(StatusPagesTest, MakesAPageForEveryGet) {
  EXPECT_THAT(HttpGet(pages_->port(), "/count"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: text/plain\r\n"),
                    HasSubstr("Content-Length: 6\r\n"), EndsWith("\r\n\r\nmade 1")));
  EXPECT_EQ(Body(HttpGet(pages_->port(), "/count?x=1")), "made 2");
}

TEST_F(StatusPagesTest, SendsLargePagesWhole) {
  EXPECT_EQ(Body(HttpGet(pages_->port(), "/debug/large")), std::string(1 << 20, 'x'));
}

TEST_F(StatusPagesTest, RefusesOtherPathsAndMethods) {
  for (const char* path : {"/", "/debug", "/count/er", "/counter", "/../etc/passwd"}) {
    EXPECT_THAT(HttpGet(pages_->port(), path), ::testing::Not(HasSubstr(" 200 "))) << path;
  }
  EXPECT_THAT(HttpRequest(pages_->port(), "POST", "/count"), StartsWith("HTTP/1.1 405"));
  EXPECT_EQ(num_made_, 0);
}

TEST_F(StatusPagesTest, SaysThatAnAddressIsTaken) {
  const std::string address = absl::StrCat("127.0.0.1:", pages_->port());
  EXPECT_EQ(StatusPages::Listen(address, {}).status(),
            absl::AlreadyExistsError("another program listens on " + address));
}

TEST_F(StatusPagesTest, ListensOnIpv4) {
  EXPECT_TRUE(StatusPages::Listen("localhost:0", {}).ok());
  EXPECT_TRUE(StatusPages::Listen("0.0.0.0:0", {}).ok());
  for (const char* address : {"[::1]:0", "9061", ":9061", "localhost", "127.0.0.1:65536"}) {
    EXPECT_FALSE(StatusPages::Listen(address, {}).ok()) << address;
  }
  EXPECT_THAT(std::string(StatusPages::Listen("192.0.2.1:0", {}).status().message()),
              HasSubstr("not an address of this machine"));
}

}  // namespace
}  // namespace chorus::runner
