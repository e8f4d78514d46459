#include "model_store/hub/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "tests/base/temp_directory.h"
#include "tests/model_store/hub/scripted_hub.h"

namespace chorus::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class TextSink : public HttpBodySink {
 public:
  absl::Status Begin(const HttpResponse& response) override {
    ++num_begins;
    begun = response;
    return absl::OkStatus();
  }
  absl::Status Write(std::string_view bytes) override {
    text += bytes;
    return refusal;
  }

  int num_begins = 0;
  HttpResponse begun;
  std::string text;
  absl::Status refusal;
};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
      ::unsetenv(name);
    hub_.SetHook([](const HubRequest&) { return HubResponse{.body = "hello"}; });
  }

  absl::StatusOr<HttpResponse> Get(const std::string& url, const HttpRequest& request = {}) {
    const auto client = HttpClient::Create(options_);
    if (!client.ok()) return client.status();
    HttpRequest with_url = request;
    with_url.url = url;
    return (*client)->Get(with_url, sink_, stop_.get_token());
  }

  ScriptedHub hub_;
  ScriptedHub other_;
  HttpClient::Options options_{.endpoint = hub_.url(),
                               .token = "hf_secret",
                               .user_agent = "chorus/test",
                               .stall_timeout = absl::Seconds(1)};
  TextSink sink_;
  std::stop_source stop_;
};

TEST_F(HttpClientTest, GetsABody) {
  hub_.SetHook([](const HubRequest&) {
    return HubResponse{.headers = {{"ETag", "\"e\""}}, .body = "hello"};
  });
  const auto response = Get(hub_.url() + "/x");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->etag, "\"e\"");
  EXPECT_EQ(response->host, "127.0.0.1");
  EXPECT_EQ(sink_.text, "hello");
  EXPECT_EQ(sink_.num_begins, 1);
  ASSERT_THAT(hub_.requests(), SizeIs(1));
  EXPECT_EQ(hub_.requests()[0].header("authorization"), "Bearer hf_secret");
  EXPECT_EQ(hub_.requests()[0].header("user-agent"), "chorus/test");
  EXPECT_EQ(hub_.requests()[0].header("range"), "");
}

TEST_F(HttpClientTest, AnEmptyBodyBeginsToo) {
  hub_.SetHook([](const HubRequest&) { return HubResponse{}; });
  ASSERT_TRUE(Get(hub_.url() + "/x").ok());
  EXPECT_EQ(sink_.num_begins, 1);
}

TEST_F(HttpClientTest, AsksForARangeOfTheSameContent) {
  hub_.SetHook([](const HubRequest&) {
    return HubResponse{.status = 206, .headers = {{"Content-Range", "bytes 3-4/5"}}, .body = "lo"};
  });
  ASSERT_TRUE(Get(hub_.url() + "/x", {.offset = 3, .etag = "\"e\""}).ok());
  EXPECT_EQ(sink_.begun.offset, 3);
  EXPECT_EQ(hub_.requests()[0].header("range"), "bytes=3-");
  EXPECT_EQ(hub_.requests()[0].header("if-range"), "\"e\"");
}

TEST_F(HttpClientTest, ABadContentRangeIsNoOffset) {
  for (const char* range : {"", "bytes", "bytes */5", "bytes x-4/5", "lines 3-4/5"}) {
    hub_.SetHook([&](const HubRequest&) {
      return HubResponse{.status = 206, .headers = {{"Content-Range", range}}, .body = "lo"};
    });
    sink_.begun.offset = 7;
    ASSERT_TRUE(Get(hub_.url() + "/x", {.offset = 3}).ok());
    EXPECT_EQ(sink_.begun.offset, std::string(range).empty() ? 0 : -1) << range;
  }
}

TEST_F(HttpClientTest, AnotherOriginDoesNotGetTheToken) {
  other_.SetHook([](const HubRequest&) { return HubResponse{.body = "content"}; });
  hub_.SetHook([&](const HubRequest& request) {
    if (request.target == "/moved") return HubResponse{.body = "moved"};
    const bool here = request.target == "/here";
    return HubResponse{.status = here ? 307 : 302,
                       .headers = {{"Location", here ? "/moved" : other_.url() + "/x?signature=s"},
                                   {"ETag", "\"of the redirect\""}},
                       .body = "not this"};
  });
  ASSERT_TRUE(Get(hub_.url() + "/there", {.offset = 3}).ok());
  EXPECT_EQ(sink_.text, "content");
  EXPECT_EQ(sink_.begun.etag, "");
  ASSERT_THAT(other_.requests(), SizeIs(1));
  EXPECT_EQ(other_.requests()[0].header("authorization"), "");
  EXPECT_EQ(other_.requests()[0].header("range"), "bytes=3-");
  ASSERT_TRUE(Get(hub_.url() + "/here").ok());
  EXPECT_EQ(hub_.requests().back().header("authorization"), "Bearer hf_secret");
}

TEST_F(HttpClientTest, FollowsNoEndlessRedirects) {
  hub_.SetHook([](const HubRequest&) {
    return HubResponse{.status = 302, .headers = {{"Location", "/again"}}};
  });
  const absl::Status status = Get(hub_.url() + "/x").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(hub_.requests(), SizeIs(6));
}

TEST_F(HttpClientTest, OtherStatusesGiveNoBody) {
  hub_.SetHook([](const HubRequest&) {
    return HubResponse{.status = 429,
                       .headers = {{"Retry-After", "7"},
                                   {"X-Error-Code", "Busy"},
                                   {"X-Error-Message", std::string(1000, 'm')}},
                       .body = "not this"};
  });
  const auto response = Get(hub_.url() + "/x");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 429);
  EXPECT_EQ(response->retry_after, absl::Seconds(7));
  EXPECT_EQ(response->error_code, "Busy");
  EXPECT_EQ(response->error_message, std::string(200, 'm'));
  EXPECT_EQ(sink_.num_begins, 0);
  EXPECT_THAT(sink_.text, IsEmpty());
}

TEST_F(HttpClientTest, ABrokenConnectionMayBeTriedAgain) {
  const std::string url = hub_.url();
  for (const HubResponse& response :
       {HubResponse{.headers = {{"Content-Length", "100"}}, .body = "hel"},
        HubResponse{.headers = {{"Content-Length", "100"}}, .body = "hel", .stall = true},
        HubResponse{.headers = {{"Transfer-Encoding", "chunked"}, {"Content-Length", ""}},
        .body = "5\r\nhel"}}) {
    hub_.SetHook([&](const HubRequest&) { return response; });
    const absl::Status status = Get(url + "/x?signature=s").status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_THAT(Message(status), Not(HasSubstr("signature")));
  }
  int port = 0;
  {
    const ScriptedHub gone;
    port = std::stoi(gone.url().substr(gone.url().rfind(':') + 1));
  }
  EXPECT_TRUE(absl::IsUnavailable(Get("http://127.0.0.1:" + std::to_string(port) + "/x").status()));
}

TEST_F(HttpClientTest, EndsWithTheSinksError) {
  sink_.refusal = absl::ResourceExhaustedError("full");
  EXPECT_EQ(Get(hub_.url() + "/x").status(), sink_.refusal);
}

TEST_F(HttpClientTest, HeadersAreBounded) {
  hub_.SetHook([](const HubRequest&) {
    HubResponse response;
    for (int i = 0; i < 100; ++i)
      response.headers["X-" + std::to_string(i)] = std::string(9000, 'x');
    return response;
  });
  const absl::Status status = Get(hub_.url() + "/x").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(sink_.text, IsEmpty());
}

TEST_F(HttpClientTest, BodiesThatNobodyWantsAreBounded) {
  for (const int status : {302, 404, 500}) {
    hub_.SetHook([&](const HubRequest&) {
      return HubResponse{
          .status = status, .headers = {{"Location", "/x"}}, .body = std::string(2 << 20, 'x')};
    });
    const absl::Status result = Get(hub_.url() + "/x").status();
    EXPECT_TRUE(absl::IsUnavailable(result)) << result;
    EXPECT_THAT(Message(result), HasSubstr("replied " + std::to_string(status)));
  }
}

TEST_F(HttpClientTest, AStopEndsARequest) {
  options_.stall_timeout = absl::Minutes(10);
  hub_.SetHook([&](const HubRequest&) {
    stop_.request_stop();
    return HubResponse{.headers = {{"Content-Length", "100"}}, .body = "hel", .stall = true};
  });
  EXPECT_TRUE(absl::IsCancelled(Get(hub_.url() + "/x").status()));
}

TEST_F(HttpClientTest, TrustsOnlyWhatItIsToldToTrust) {
  ScriptedHub secure(ScriptedHub::Scheme::kHttps);
  secure.SetHook([](const HubRequest&) { return HubResponse{.body = "hello"}; });
  options_.endpoint = secure.url();
  const absl::Status status = Get(secure.url() + "/x").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status), AllOf(HasSubstr("127.0.0.1"), HasSubstr("SSL_CERT_FILE")));
  EXPECT_THAT(secure.requests(), IsEmpty());

  const TempDirectory temp;
  PutFile(temp / "ca.pem", secure.certificate());
  options_.ca_file = temp / "ca.pem";
  const auto response = Get(secure.url() + "/x");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(sink_.text, "hello");
  EXPECT_EQ(secure.requests()[0].header("authorization"), "Bearer hf_secret");

  // Never from there to plaintext.
  secure.SetHook([&](const HubRequest&) {
    return HubResponse{.status = 302, .headers = {{"Location", hub_.url() + "/x"}}};
  });
  EXPECT_TRUE(absl::IsFailedPrecondition(Get(secure.url() + "/x").status()));
  EXPECT_THAT(hub_.requests(), IsEmpty());

  options_.ca_file = temp / "absent.pem";
  EXPECT_TRUE(absl::IsFailedPrecondition(Get(secure.url() + "/x").status()));
}

TEST_F(HttpClientTest, RefusesATokenThatCouldEndItsHeader) {
  for (const char* token : {"hf_a hf_b", "hf_a\r\nX: y", "hf_a\xFF"}) {
    options_.token = token;
    const absl::Status status = Get(hub_.url() + "/x").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(Message(status), Not(HasSubstr("hf_a")));
  }
}

}  // namespace
}  // namespace chorus::store
