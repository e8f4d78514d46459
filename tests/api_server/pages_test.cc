#include "api_server/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr size_t kMaxPageBytes = 60'000;  // Of all that the page at / loads.

class PagesTest : public testing::Test {
 protected:
  PagesTest() {
    auto pages = MakePages("1.2.3");
    EXPECT_TRUE(pages.ok()) << pages.status();
    if (pages.ok()) pages_ = *std::move(pages);
  }
  HttpReply Get(const std::string& path) {
    const auto found = pages_.find(path);
    if (found == pages_.end()) return {.status = 404};
    return found->second({.method = "GET", .target = path});
  }

  OwnRoutes pages_;
};

TEST_F(PagesTest, HaveTheirTypes) {
  EXPECT_EQ(Get("/").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(Get("/docs").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(Get("/page.css").content_type, "text/css; charset=utf-8");
  EXPECT_EQ(Get("/page.js").content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(Get("/favicon.svg").content_type, "image/svg+xml");
  EXPECT_EQ(Get("/docs.json").content_type, "application/json");
  EXPECT_THAT(Get("/").body, StartsWith("<!doctype html>"));
}

TEST_F(PagesTest, ServeTheOpenApiDocumentUnderBothNames) {
  EXPECT_THAT(Get("/docs.json").body, StartsWith(R"({"openapi":"3.1.0")"));
  EXPECT_THAT(Get("/docs.json").body, HasSubstr(R"("version":"1.2.3")"));
  EXPECT_EQ(Get("/openapi.json").body, Get("/docs.json").body);
}

TEST_F(PagesTest, AreSmallAndLoadNothingFromElsewhere) {
  size_t num_bytes = 0;
  for (const char* path : {"/", "/page.css", "/page.js", "/calls.js", "/columns.js", "/dom.js",
                           "/graph.js", "/favicon.svg"}) {
    num_bytes += Get(path).body.size();
  }
  EXPECT_LT(num_bytes, kMaxPageBytes);
  for (const auto& [path, reply] : pages_) {
    const std::string body = reply({.method = "GET", .target = path}).body;
    // Paths are relative: the pages lie below any prefix that a proxy puts before them.
    for (const char* attribute :
         {"src=\"http", "href=\"http", "src=\"/", "href=\"/", "fetch(\"/", "@import", "url("}) {
      EXPECT_THAT(body, Not(HasSubstr(attribute))) << path;
    }
    EXPECT_THAT(body, Not(HasSubstr("innerHTML"))) << path;
  }
}

}  // namespace
}  // namespace chorus
