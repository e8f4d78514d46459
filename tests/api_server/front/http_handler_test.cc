#include "api_server/front/http_handler.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "api_server/transcoding/http_status.h"

namespace chorus::gateway {
namespace {

// Has one path, which takes one method, and says its own name.
class OnePath final : public HttpHandler {
 public:
  OnePath(std::string path, std::string method, std::string name)
      : path_(std::move(path)), method_(std::move(method)), name_(std::move(name)) {}

  HttpRoute Match(const HttpRequest& head) const override {
    if (head.path() != path_) return {.refusal = absl::NotFoundError(name_ + " has no such path")};
    if (head.method != method_) {
      return {.endpoint = path_, .refusal = MethodNotAllowedError("no", {method_})};
    }
    return {.endpoint = path_, .handle = [this](HttpRequest, Call, HttpRoute::Done done) {
              std::move(done)({.body = name_});
              return absl::OkStatus();
            }};
  }
  HttpReply ErrorReply(const absl::Status&, std::string_view) const override { return {}; }

 private:
  const std::string path_, method_, name_;
};

class FindRouteTest : public testing::Test {
 protected:
  FindRouteTest() {
    handlers_.push_back(std::make_unique<OnePath>("/a", "GET", "first"));
    handlers_.push_back(std::make_unique<OnePath>("/a", "POST", "second"));
    handlers_.push_back(std::make_unique<OnePath>("/b", "POST", "third"));
  }

  HttpRoute Find(std::string method, std::string target) {
    return FindRoute(handlers_, {.method = std::move(method), .target = std::move(target)});
  }
  static HttpReply Answer(HttpRoute route) {
    HttpReply result;
    EXPECT_TRUE(
        std::move(route.handle)({}, {}, [&](HttpReply reply) { result = std::move(reply); }).ok());
    return result;
  }

  std::vector<std::unique_ptr<HttpHandler>> handlers_;
};

TEST_F(FindRouteTest, TheFirstThatHasThePathAnswers) {
  HttpRoute a = Find("GET", "/a?x");
  EXPECT_EQ(a.endpoint, "/a");
  EXPECT_EQ(a.handler, handlers_[0].get());
  EXPECT_EQ(Answer(std::move(a)).body, "first");
  HttpRoute b = Find("POST", "/b");
  EXPECT_EQ(b.handler, handlers_[2].get());
  EXPECT_EQ(Answer(std::move(b)).body, "third");
}

TEST_F(FindRouteTest, ItsRefusalStands) {
  const HttpRoute route = Find("POST", "/a");
  EXPECT_EQ(HttpStatus(route.refusal), 405);
  EXPECT_EQ(route.handler, handlers_[0].get());
}

TEST_F(FindRouteTest, TheLastTellsThatThereIsNoSuchPath) {
  const HttpRoute route = Find("GET", "/c");
  EXPECT_EQ(route.endpoint, kOtherEndpoint);
  EXPECT_EQ(route.refusal, absl::NotFoundError("third has no such path"));
  EXPECT_EQ(route.handler, handlers_[2].get());
}

TEST_F(FindRouteTest, AnswersOptions) {
  HttpRoute route = Find("OPTIONS", "/b");
  ASSERT_TRUE(route.refusal.ok());
  EXPECT_EQ(route.endpoint, "/b");
  const HttpReply reply = Answer(std::move(route));
  EXPECT_EQ(reply.status, 204);
  ASSERT_EQ(reply.fields.size(), 1u);
  EXPECT_EQ(reply.fields[0].name, "Allow");
  EXPECT_EQ(reply.fields[0].value, "POST, OPTIONS");
  EXPECT_TRUE(Answer(Find("OPTIONS", "*")).fields.empty());
  EXPECT_EQ(HttpStatus(Find("OPTIONS", "/c").refusal), 404);
}

}  // namespace
}  // namespace chorus::gateway
