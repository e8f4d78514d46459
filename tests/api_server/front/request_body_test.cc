#include "api_server/front/request_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api_server/transcoding/http_status.h"

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;

RequestHead Chunked() {
  RequestHead head;
  head.chunked = true;
  return head;
}

RequestHead OfLength(uint64_t length) {
  RequestHead head;
  head.content_length = length;
  return head;
}

// What came of a body whose bytes arrived in pieces of `num_bytes`.
struct Received {
  int http_code = 0;  // 200 when done, 0 when more is needed.
  std::string body;
  std::string rest;  // Not of this body.
};

Received Receive(const RequestHead& head, std::string_view wire, size_t num_bytes,
                 size_t max_bytes = 1000) {
  absl::StatusOr<RequestBody> body = RequestBody::Create(head, max_bytes);
  if (!body.ok()) return {HttpStatus(body.status())};
  std::string waiting;
  while (!body->done()) {
    const std::string_view piece = wire.substr(0, num_bytes);
    wire.remove_prefix(piece.size());
    waiting.append(piece);
    const absl::StatusOr<size_t> taken = body->Put(waiting);
    if (!taken.ok()) return {HttpStatus(taken.status())};
    waiting.erase(0, *taken);
    if (piece.empty() && !body->done()) return {0};
  }
  return {200, body->Take(), waiting + std::string(wire)};
}

TEST(RequestBodyTest, TakesBodyOfKnownLengthAndLeavesTheRest) {
  for (size_t piece : {1, 2, 3, 100}) {
    const Received received = Receive(OfLength(5), "helloGET /", piece);
    EXPECT_EQ(received.body, "hello") << piece;
    EXPECT_EQ(received.rest, "GET /") << piece;
  }
}

TEST(RequestBodyTest, IsDoneAtOnceWithoutBody) {
  EXPECT_TRUE(RequestBody::Create(OfLength(0), 10)->done());
  EXPECT_TRUE(RequestBody::Create(RequestHead(), 10)->done());
}

TEST(RequestBodyTest, RefusesLengthOverLimitBeforeReading) {
  EXPECT_TRUE(RequestBody::Create(OfLength(10), 10).ok());
  const absl::Status status = RequestBody::Create(OfLength(11), 10).status();
  EXPECT_EQ(HttpStatus(status), 413);
  EXPECT_THAT(status.message(), HasSubstr("10"));
  EXPECT_EQ(HttpStatus(RequestBody::Create(OfLength(UINT64_MAX), 10).status()), 413);
}

struct ChunksCase {
  std::string wire;
  int http_code;
  std::string body = "";
  std::string rest = "";
};

TEST(RequestBodyTest, DecodesChunksStrictlyHoweverTheyArrive) {
  const std::vector<ChunksCase> cases = {
      {"5\r\nhello\r\n0\r\n\r\n", 200, "hello"},
      {"0\r\n\r\n", 200},
      {"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\nGET /", 200, "hello", "GET /"},
      {"A\r\n0123456789\r\n0\r\n\r\n", 200, "0123456789"},
      {"a\r\n0123456789\r\n0\r\n\r\n", 200, "0123456789"},
      {"00005\r\nhello\r\n000\r\n\r\n", 200, "hello"},
      {"5;name=value\r\nhello\r\n0\r\n\r\n", 200, "hello"},
      {"5;name=\"a;\\\"b\"\r\nhello\r\n0\r\n\r\n", 200, "hello"},
      {"5;a;b=c\r\nhello\r\n0;last\r\n\r\n", 200, "hello"},
      {"5; a = b ;\tc=\"x y\t\xC3\xA9\"\r\nhello\r\n0\r\n\r\n", 200, "hello"},
      {"5 ;a\t; b\t=\tc\r\nhello\r\n0\t;a\r\n\r\n", 200, "hello"},
      {"5;a=\"\"\r\nhello\r\n0\r\n\r\n", 200, "hello"},
      {"5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", 200, "hello"},
      {"5\r\nhello\r\n", 0},
      {"5\r\nhel", 0},
      {"5", 0},
      {"", 0},
      {"5\nhello\n0\n\n", 400},
      {"5\r\nhello0\r\n\r\n", 400},
      {"5\r\nhelloX\r\n0\r\n\r\n", 400},
      {"5\r\nhello\n0\r\n\r\n", 400},
      {"\r\n", 400},
      {"g\r\n", 400},
      {"0x5\r\nhello\r\n0\r\n\r\n", 400},
      {"+5\r\nhello\r\n0\r\n\r\n", 400},
      {"-5\r\nhello\r\n0\r\n\r\n", 400},
      {" 5\r\nhello\r\n0\r\n\r\n", 400},
      {"5 \r\nhello\r\n0\r\n\r\n", 400},
      {"5;a \r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=b\t\r\nhello\r\n0\r\n\r\n", 400},
      {"5 5\r\nhello\r\n0\r\n\r\n", 400},
      {"5\rX\nhello\r\n0\r\n\r\n", 400},
      {"5;\nhello\r\n0\r\n\r\n", 400},
      {"5;a\nb\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", 400},
      {"5;\r\nhello\r\n0\r\n\r\n", 400},
      {"5; \r\nhello\r\n0\r\n\r\n", 400},
      {"5;a;\r\nhello\r\n0\r\n\r\n", 400},
      {"5;bad[=x\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a b\r\nhello\r\n0\r\n\r\n", 400},
      {"5;=x\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=b=c\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=\"\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=\"open\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=\"x\\\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=\"x\\\"\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=\"x\"y\r\nhello\r\n0\r\n\r\n", 400},
      {"5;a=\"\x01\"\r\nhello\r\n0\r\n\r\n", 400},
      {"5;\xC3\xA9\r\nhello\r\n0\r\n\r\n", 400},
      {"5\r\nhello\r\n0;\r\n\r\n", 400},
      {"10000000000000000\r\n", 413},
      {"0\r\nbad trailer\r\n\r\n", 400},
      {"0\r\nTrailer: a\nb: c\r\n\r\n", 400},
      {"FFFFFFFFFFFFFFFF\r\n", 413},
      {"3E8\r\n", 0},
      {"3E9\r\n", 413},
  };
  for (const ChunksCase& test : cases) {
    for (size_t piece : {size_t{1}, size_t{2}, size_t{7}, test.wire.size() + 1}) {
      SCOPED_TRACE(testing::PrintToString(test.wire) + " in pieces of " + std::to_string(piece));
      const Received received = Receive(Chunked(), test.wire, piece);
      EXPECT_EQ(received.http_code, test.http_code);
      EXPECT_EQ(received.body, test.body);
      EXPECT_EQ(received.rest, test.rest);
    }
  }
}

TEST(RequestBodyTest, RefusesChunksThatTogetherPassTheLimit) {
  const std::string chunk = "4\r\nabcd\r\n";
  EXPECT_EQ(Receive(Chunked(), chunk + chunk + "0\r\n\r\n", 100, 8).body, "abcdabcd");
  EXPECT_EQ(Receive(Chunked(), chunk + chunk + "1\r\n", 100, 8).http_code, 413);
}

TEST(RequestBodyTest, TakesManyChunksOfOneByte) {
  std::string wire;
  for (int i = 0; i < 100'000; ++i) wire += "1\r\nx\r\n";
  wire += "0\r\n\r\n";
  EXPECT_EQ(Receive(Chunked(), wire, 4096, 1 << 20).body.size(), 100'000);
}

TEST(RequestBodyTest, RefusesBodyThatIsMostlyFraming) {
  const std::string chunk = "1;" + std::string(1000, 'x') + "\r\na\r\n";
  std::string wire;
  for (int i = 0; i < 1000; ++i) wire += chunk;
  EXPECT_EQ(Receive(Chunked(), wire, 4096, 1 << 20).http_code, 400);
}

TEST(RequestBodyTest, RefusesEndlessChunkHeaderAndTrailer) {
  const std::string junk(1 << 20, 'x');
  EXPECT_EQ(Receive(Chunked(), "1;" + junk, 4096, 1 << 20).http_code, 400);
  EXPECT_EQ(Receive(Chunked(), "0\r\nTrailer: " + junk, 4096, 1 << 20).http_code, 400);
}

}  // namespace
}  // namespace chorus::gateway
