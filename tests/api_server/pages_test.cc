#include "api_server/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api_server/web/web_files.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr size_t kMaxPageBytes = 60'000;  // Of all that the page at / loads.

class PagesTest : public testing::Test {
 protected:
  PagesTest() {
    pages_ = MakePages({.why_not_ready = [this] { return why_not_ready_; },
                        .write_metrics = [](auto done) { std::move(done)("# HELP x\n"); }});
  }
  HttpReply Get(const std::string& path) {
    HttpRoute route = pages_->Match({.method = "GET", .target = path});
    if (!route.refusal.ok()) return pages_->ErrorReply(route.refusal, "id");
    HttpReply reply;
    EXPECT_TRUE(std::move(route.handle)({.method = "GET", .target = path}, {}, [&](HttpReply page) {
                  reply = std::move(page);
                }).ok());
    return reply;
  }

  std::string why_not_ready_;
  std::unique_ptr<PageHandler> pages_;
};

TEST_F(PagesTest, ServeHealthAsBentoMlDoes) {
  for (const char* path : {"/livez", "/healthz", "/readyz", "/readyz?verbose"}) {
    EXPECT_EQ(Get(path).status, 200) << path;
    EXPECT_EQ(Get(path).body, "\n") << path;
    EXPECT_EQ(Get(path).content_type, "text/plain; charset=utf-8") << path;
  }
  why_not_ready_ = "Runners are not ready.";
  EXPECT_EQ(Get("/readyz").status, 503);
  EXPECT_EQ(Get("/readyz").body, "Runners are not ready.");
  EXPECT_EQ(Get("/livez").status, 200);
  EXPECT_EQ(Get("/livez/").status, 404);
}

TEST_F(PagesTest, ServeMetrics) {
  EXPECT_EQ(Get("/metrics").content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(Get("/metrics").body, "# HELP x\n");
}

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
  EXPECT_EQ(Get("/docs.json").body, OpenApiDocument());
  EXPECT_EQ(Get("/openapi.json").body, Get("/docs.json").body);
}

TEST_F(PagesTest, AreSmallAndLoadNothingFromElsewhere) {
  size_t num_bytes = 0;
  for (const char* path : {"/", "/page.css", "/page.js", "/calls.js", "/columns.js", "/dom.js",
                           "/graph.js", "/favicon.svg"}) {
    num_bytes += Get(path).body.size();
  }
  EXPECT_LT(num_bytes, kMaxPageBytes);
  std::vector<std::string> paths = {"/", "/docs", "/docs.json"};
  for (const EmbeddedFile& file : WebFiles()) {
    if (!file.name.ends_with(".html")) paths.push_back(absl::StrCat("/", AbslView(file.name)));
  }
  for (const std::string& path : paths) {
    const std::string body = Get(path).body;
    EXPECT_FALSE(body.empty()) << path;
    // Paths are relative: the pages lie below any prefix that a proxy puts before them.
    for (const char* attribute :
         {"src=\"http", "href=\"http", "src=\"/", "href=\"/", "fetch(\"/", "@import", "url("}) {
      EXPECT_THAT(body, Not(HasSubstr(attribute))) << path;
    }
    EXPECT_THAT(body, Not(HasSubstr("innerHTML"))) << path;
  }
}

}  // namespace
}  // namespace chorus::gateway
