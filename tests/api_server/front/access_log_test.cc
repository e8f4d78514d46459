#include "api_server/front/access_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(AccessLogEntry, NamesWhatThereIs) {
  EXPECT_EQ((AccessLogEntry{.request_id = "a", .protocol = "grpc", .route = "/x", .status = 503})
                .ToString(),
            "request=a protocol=grpc route=/x status=503 seconds=0.000000");
  EXPECT_EQ((AccessLogEntry{.request_id = "a",
                            .traceparent = "00-1-2-01",
                            .protocol = "http",
                            .method = std::string(1000, 'X'),
                            .route = "other",
                            .status = 200,
                            .duration = absl::Milliseconds(1500),
                            .usage = {.prompt_tokens = 1,
                                      .generated_tokens = 2,
                                      .queue_time = absl::Milliseconds(3),
                                      .first_token_time = absl::Milliseconds(4)},
                            .reply_bytes = 5})
                .ToString(),
            "request=a traceparent=00-1-2-01 protocol=http method=XXXXXXXXXXXXXXXX route=other "
            "status=200 seconds=1.500000 queue_seconds=0.003000 first_token_seconds=0.004000 "
            "prompt_tokens=1 generated_tokens=2 reply_bytes=5");
}

class AccessLogTest : public testing::Test {
 protected:
  AccessLogTest() {
    EXPECT_EQ(pipe2(pipe_.data(), O_CLOEXEC), 0);
    log_.emplace(pipe_[1]);
  }
  ~AccessLogTest() override {
    log_.reset();
    close(pipe_[1]);
    close(pipe_[0]);
  }

  void Write(const std::string& id) { log_->Write({.request_id = id, .route = "/x"}); }

  // The next line; waits for it.
  std::string ReadLine() {
    size_t end;
    while ((end = text_.find('\n')) == std::string::npos) {
      std::array<char, 4096> bytes;
      const ssize_t size = read(pipe_[0], bytes.data(), bytes.size());
      if (size <= 0) return "";
      text_.append(bytes.data(), static_cast<size_t>(size));
    }
    const std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return line;
  }

  std::string text_;  // Read and not yet returned.
  std::array<int, 2> pipe_ = {};
  std::optional<AccessLog> log_;
};

TEST_F(AccessLogTest, WritesWholeLinesOfManyThreads) {
  constexpr int kThreads = 4, kLines = 500;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] {
      for (int j = 0; j < kLines; ++j) Write(absl::StrCat(i, ".", j, "."));
    });
  }
  for (int i = 0; i < kThreads * kLines; ++i) {
    const std::string line = ReadLine();
    EXPECT_THAT(line, StartsWith("access time="));
    EXPECT_THAT(line, HasSubstr(" route=/x status=0 "));
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(AccessLogTest, WaitsForNoReaderAndSaysHowManyLinesWereDropped) {
  // Far more than the pipe and the log hold, and nobody reads.
  const std::string id(1000, 'x');
  constexpr int kLines = 3000;
  for (int i = 0; i < kLines; ++i) Write(id);
  int num_written = 0, num_dropped = 0;
  while (num_written + num_dropped < kLines) {
    const std::string line = ReadLine();
    const size_t at = line.find(" dropped_lines=");
    if (at == std::string::npos) {
      ++num_written;
      continue;
    }
    const std::vector<std::string> words =
        absl::StrSplit(line.substr(at + 1), absl::ByAnyChar("= "));
    int count = 0;
    EXPECT_TRUE(absl::SimpleAtoi(words[1], &count)) << line;
    num_dropped += count;
  }
  EXPECT_GT(num_dropped, 0);
  EXPECT_EQ(num_written + num_dropped, kLines);
}

TEST_F(AccessLogTest, EndsThoughNobodyReads) {
  const std::string id(1000, 'x');
  for (int i = 0; i < 3000; ++i) Write(id);
  log_.reset();
}

}  // namespace
}  // namespace chorus::gateway
