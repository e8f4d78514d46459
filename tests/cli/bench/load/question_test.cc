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

TEST(ServerUrl, RefusesOthers) {
  EXPECT_THAT(ServerUrl::Parse("https://example").status().message(), HasSubstr("without TLS"));
  for (const char* text : {"", "localhost", "http://", "http://:80", "ftp://a:1", "a:b"}) {
    EXPECT_FALSE(ServerUrl::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace chorus::bench
