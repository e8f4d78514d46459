#include "cli/bench/load/question.h"

#include <gmock/gmock.h>

namespace chorus::bench {
namespace {

using ::testing::HasSubstr;

TEST(ServerUrl, HasHostPortAndPath) {
  const auto url = ServerUrl::Parse("http://127.0.0.1:8000/api/v1/");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->host_port.ToString(), "127.0.0.1:8000");
  EXPECT_EQ(url->path, "/api/v1");
  EXPECT_EQ(ServerUrl::Parse("localhost:50051")->host_port.port, 50051);
  EXPECT_EQ(ServerUrl::Parse("http://example")->host_port.ToString(), "example:80");
  EXPECT_EQ(ServerUrl::Parse("http://[::1]/")->host_port.ToString(), "[::1]:80");
  EXPECT_EQ(ServerUrl::Parse("http://[::1]:9")->host_port.ToString(), "[::1]:9");
}

TEST(ServerUrl, TlsHasSchemesOfItsOwn) {
  EXPECT_FALSE(ServerUrl::Parse("http://example")->is_tls);
  EXPECT_FALSE(ServerUrl::Parse("localhost:50051")->is_tls);
  for (const char* text : {"https://example/v1", "grpcs://example/v1"}) {
    const auto url = ServerUrl::Parse(text);
    ASSERT_TRUE(url.ok()) << url.status();
    EXPECT_TRUE(url->is_tls);
    EXPECT_EQ(url->host_port.ToString(), "example:443");
    EXPECT_EQ(url->path, "/v1");
  }
  EXPECT_EQ(ServerUrl::Parse("https://[::1]:9")->host_port.ToString(), "[::1]:9");
}

TEST(ServerUrl, RefusesOthers) {
  EXPECT_THAT(ServerUrl::Parse("http://a:1/b\r\nX: y").status().message(),
              HasSubstr("\"http://a:1/b\\r\\nX: y\" must have no blanks"));
  for (const char* text : {"", "localhost", "http://", "http://:80", "ftp://a:1", "a:b", "https://",
                           "http://a:1/b c", "grpcs://a:0x1"}) {
    EXPECT_FALSE(ServerUrl::Parse(text).ok()) << text;
  }
}

TEST(IsStreamed, IsOfTheProtocolAndOpenAisParameters) {
  EXPECT_FALSE(IsStreamed({.protocol = Protocol::kHttp}));
  EXPECT_FALSE(IsStreamed({.protocol = Protocol::kGrpc}));
  EXPECT_TRUE(IsStreamed({.protocol = Protocol::kSse}));
  EXPECT_TRUE(IsStreamed({.protocol = Protocol::kGrpcStream}));
  EXPECT_TRUE(IsStreamed({.protocol = Protocol::kOpenAi}));
  EXPECT_TRUE(IsStreamed({.protocol = Protocol::kOpenAiChat, .parameters = {{"stream", 1}}}));
  EXPECT_FALSE(IsStreamed({.protocol = Protocol::kOpenAi, .parameters = {{"stream", false}}}));
}

}  // namespace
}  // namespace chorus::bench
