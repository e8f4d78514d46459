#include "api_server/front/request_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api_server/transcoding/http_status.h"

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;

// Scans and parses as a session does, the bytes arriving in pieces of `num_bytes`.
absl::StatusOr<RequestHead> Parse(std::string_view wire, size_t num_bytes = 1 << 20,
                                  HeadLimits limits = {}) {
  HeadScanner scanner(limits);
  for (size_t size = std::min(num_bytes, wire.size());;
       size = std::min(size + num_bytes, wire.size())) {
    const absl::StatusOr<size_t> end = scanner.Scan(wire.substr(0, size));
    if (!end.ok()) return end.status();
    if (*end > 0) return ParseRequestHead(wire.substr(0, *end), limits);
    if (size == wire.size()) return absl::UnavailableError("more is needed");
  }
}

std::string Post(std::string_view fields) {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n\r\n";
}

TEST(RequestHeadTest, ParsesRequest) {
  const auto head = Parse(
      "POST /a%20b?c=d HTTP/1.1\r\nHost: example.com:3000\r\nX-Thing: \t one two \r\n"
      "Content-Length: 12\r\n\r\n");
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->request.method, "POST");
  EXPECT_EQ(head->request.target, "/a%20b?c=d");
  EXPECT_EQ(head->request.path(), "/a%20b");
  EXPECT_EQ(head->request.minor_version, 1);
  ASSERT_NE(head->request.Find("x-thing"), nullptr);
  EXPECT_EQ(*head->request.Find("x-thing"), "one two");
  EXPECT_EQ(head->request.Find("x-thin"), nullptr);
  EXPECT_EQ(head->content_length, 12);
  EXPECT_FALSE(head->chunked);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_FALSE(head->expects_continue);
}

TEST(RequestHeadTest, RefusesWhatCouldBeReadInTwoWays) {
  const std::vector<std::string> cases = {
      // Body length.
      Post("Content-Length: 5\r\nTransfer-Encoding: chunked"),
      Post("Transfer-Encoding: chunked\r\nContent-Length: 5"),
      Post("Content-Length: 5\r\nContent-Length: 5"),
      Post("Content-Length: 5\r\ncontent-length: 6"),
      Post("Content-Length: 5, 5"),
      Post("Content-Length: +5"),
      Post("Content-Length: -5"),
      Post("Content-Length: 0x5"),
      Post("Content-Length: 5 5"),
      Post("Content-Length: 5a"),
      Post("Content-Length:"),
      Post("Content-Length: \x31\xc2\xb2"),
      Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
      Post("Transfer-Encoding: identity"),
      Post("Transfer-Encoding: gzip, chunked"),
      Post("Transfer-Encoding: chunked, identity"),
      Post("Transfer-Encoding: xchunked"),
      Post("Transfer-Encoding: \"chunked\""),
      Post("Transfer-Encoding:"),
      Post("Transfer-Encoding: \x0b"
           "chunked"),
      "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
      // Line structure.
      Post("A: b\r\n c"),
      Post("A: b\r\n\tc"),
      Post(" A: b"),
      Post("A : b"),
      Post("A\t: b"),
      Post(": b"),
      Post("A"),
      Post("A b: c"),
      Post("A(: b"),
      Post("A\x80: b"),
      Post("A: b\nB: c"),
      Post("A: b\rB: c"),
      Post("A: b\r\r"),
      Post("A: \x01"),
      Post("A: \x7f"),
      Post(std::string_view("A: \0", 4)),
      Post(std::string_view("A\0: b", 6)),
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\n\n",
      "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      // Host.
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nA: b\r\n\r\n",
      Post("Host: a"),
      Post("hOST: b"),
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost:\r\n\r\n",
      "GET / HTTP/1.0\r\nHost: \r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x:abc\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x:99999\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x:65536\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x:-1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x:1:2\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x:18446744073709551617\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: [::1]:x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: [a]\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: []\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n",
      "GET http://x:abc/ HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
      // Request line.
      "GET /\r\nHost: a\r\n\r\n",
      "GET\r\nHost: a\r\n\r\n",
      " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
      "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /a\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
      "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
      "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / http/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
      "GET / HTTP/1\r\nHost: a\r\n\r\n",
      "GET / HTTP/+1.1\r\nHost: a\r\n\r\n",
      "GET / HTTPS/1.1\r\nHost: a\r\n\r\n",
  };
  for (const std::string& wire : cases) {
    for (size_t piece : {size_t{1}, size_t{3}, wire.size()}) {
      const auto head = Parse(wire, piece);
      EXPECT_EQ(HttpStatus(head.status()), 400)
          << testing::PrintToString(wire) << " in pieces of " << piece << ": " << head.status();
    }
  }
}

TEST(RequestHeadTest, NamesOtherCodes) {
  EXPECT_EQ(HttpStatus(Parse("GET / HTTP/2.0\r\nHost: a\r\n\r\n").status()), 505);
  EXPECT_EQ(HttpStatus(Parse("GET / HTTP/0.9\r\nHost: a\r\n\r\n").status()), 505);
  EXPECT_EQ(HttpStatus(Parse("PRI * HTTP/2.0\r\n\r\n").status()), 505);
  EXPECT_EQ(HttpStatus(Parse(Post("Expect: wonders")).status()), 417);
}

TEST(RequestHeadTest, TakesUnusualButSoundRequests) {
  EXPECT_EQ(Parse("\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n")->request.target, "/a");
  for (const std::string host : {"[::1]:3000", "[::ffff:10.0.0.1]", "a:", "a:0", "a:65535",
                                 "a-b_c.example.", "10.0.0.1:80", "a%20b", "!$&'()*+,;=~"}) {
    const auto head = Parse("GET /a HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    EXPECT_EQ(head.status(), absl::OkStatus()) << host;
  }
  EXPECT_EQ(Parse("GET http://b:1/a?c HTTP/1.1\r\nHost: a\r\n\r\n")->request.target, "/a?c");
  EXPECT_EQ(Parse("GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n")->request.target, "/");
  EXPECT_EQ(Parse("GET https://b?c HTTP/1.1\r\nHost: a\r\n\r\n")->request.target, "/?c");
  EXPECT_EQ(Parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")->request.target, "*");
  EXPECT_EQ(*Parse(Post("A:"))->request.Find("A"), "");
  EXPECT_EQ(*Parse(Post("A: \xc3\xa9"))->request.Find("A"), "\xc3\xa9");
  EXPECT_TRUE(Parse(Post("TRANSFER-ENCODING: Chunked"))->chunked);
  EXPECT_TRUE(Parse(Post("Expect: 100-Continue"))->expects_continue);
  EXPECT_FALSE(Parse("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")->expects_continue);
}

TEST(RequestHeadTest, LengthPastSixtyFourBitsIsTheGreatest) {
  EXPECT_EQ(Parse(Post("Content-Length: 99999999999999999999999"))->content_length, UINT64_MAX);
  EXPECT_EQ(Parse(Post("Content-Length: 007"))->content_length, 7);
}

TEST(RequestHeadTest, KeepsConnectionAliveAsVersionAndFieldSay) {
  struct Case {
    std::string version, connection;
    bool keep_alive;
  };
  const std::vector<Case> cases = {
      {"1.1", "", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: x, Close\r\n", false},
      {"1.1", "Connection: x\r\nconnection: CLOSE\r\n", false},
      {"1.1", "Connection: closed\r\n", true},
      {"1.0", "", false},
      {"1.0", "Connection: keep-alive\r\n", true},
      {"1.0", "Connection: Keep-Alive, close\r\n", false},
  };
  for (const Case& test : cases) {
    const auto head =
        Parse("GET / HTTP/" + test.version + "\r\nHost: a\r\n" + test.connection + "\r\n");
    ASSERT_TRUE(head.ok()) << head.status();
    EXPECT_EQ(head->keep_alive, test.keep_alive) << test.version << " " << test.connection;
  }
}

TEST(RequestHeadTest, HoldsItsLimitsToTheByte) {
  const HeadLimits limits = {.max_bytes = 100, .max_fields = 3, .max_target_bytes = 20};
  const auto code_of = [&](const std::string& wire) {
    const auto head = Parse(wire, 1, limits);
    return HttpStatus(head.status());
  };
  const auto with_target = [](size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ(code_of(with_target(20)), 200);
  EXPECT_EQ(code_of(with_target(21)), 414);
  EXPECT_EQ(code_of(with_target(1000)), 414);
  EXPECT_EQ(code_of("GET /" + std::string(1000, 'a')), 414);

  const auto with_value = [](size_t total) {
    const std::string rest = "GET / HTTP/1.1\r\nHost: a\r\nA: \r\n\r\n";
    return "GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(total - rest.size(), 'a') + "\r\n\r\n";
  };
  EXPECT_EQ(code_of(with_value(100)), 200);
  EXPECT_EQ(code_of(with_value(101)), 431);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nA: " + std::string(1000, 'a')), 431);

  EXPECT_EQ(code_of(Post("A: b\r\nA: b")), 200);
  EXPECT_EQ(code_of(Post("A: b\r\nA: b\r\nA: b")), 431);
}

TEST(RequestHeadTest, ScannerLooksForTheHeadsEndAndNoFurther) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  HeadScanner whole({});
  EXPECT_EQ(*whole.Scan(head + "\n\n\nnot a head"), head.size());
  HeadScanner slow({});
  for (size_t size = 0; size < head.size(); ++size) {
    EXPECT_EQ(*slow.Scan(std::string_view(head).substr(0, size)), 0) << size;
  }
  EXPECT_EQ(*slow.Scan(head), head.size());
}

TEST(RequestHeadTest, MessagesSayWhatIsWrong) {
  EXPECT_THAT(Parse(Post("Content-Length: 1\r\nTransfer-Encoding: chunked")).status().message(),
              HasSubstr("exclude each other"));
  EXPECT_THAT(Parse(Post("A: b\r\n c")).status().message(), HasSubstr("folding"));
  EXPECT_THAT(Parse("GET / HTTP/1.1\r\n\r\n").status().message(), HasSubstr("Host"));
}

}  // namespace
}  // namespace chorus::gateway
