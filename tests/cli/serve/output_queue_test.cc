#include "cli/serve/output_queue.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <string>

namespace chorus {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class OutputQueueTest : public ::testing::Test {
 protected:
  OutputQueueTest() {
    signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(pipe(fds_), 0);
  }
  ~OutputQueueTest() override {
    CloseReader();
    close(fds_[1]);
  }
  void CloseReader() {
    if (fds_[0] >= 0) close(fds_[0]);
    fds_[0] = -1;
  }
  bool IsWritable() const {
    pollfd entry{fds_[1], POLLOUT, 0};
    return poll(&entry, 1, 0) == 1;
  }
  // What is in the pipe now.
  std::string ReadSome() const {
    std::string bytes(1 << 20, '\0');
    pollfd entry{fds_[0], POLLIN, 0};
    const ssize_t n = poll(&entry, 1, 0) == 1 ? read(fds_[0], bytes.data(), bytes.size()) : 0;
    bytes.resize(static_cast<size_t>(n));
    return bytes;
  }

  int fds_[2];
};

TEST_F(OutputQueueTest, WritesInOrder) {
  OutputQueue queue(fds_[1]);
  EXPECT_FALSE(queue.wants_write());
  queue.Write("one\n");
  queue.Write("two\n");
  EXPECT_TRUE(queue.wants_write());
  queue.OnWritable();
  EXPECT_FALSE(queue.wants_write());
  EXPECT_EQ(ReadSome(), "one\ntwo\n");
}

TEST_F(OutputQueueTest, AStalledReaderCostsItsLinesAndNothingElse) {
  OutputQueue queue(fds_[1]);
  const std::string line(999, 'x');
  // Each write happens only when poll promises it; were it longer than that, this would hang.
  for (int i = 0; i < 3000; ++i) {
    queue.Write(line + "\n");
    if (IsWritable()) queue.OnWritable();
  }
  EXPECT_FALSE(IsWritable());
  std::string received;
  while (queue.wants_write()) {
    received += ReadSome();
    if (IsWritable()) queue.OnWritable();
  }
  queue.Write("after\n");
  queue.Flush(absl::Seconds(10));
  received += ReadSome();
  EXPECT_LT(received.size(), OutputQueue::kMaxPendingBytes + (100 << 10));
  EXPECT_THAT(received, StartsWith(line));
  EXPECT_THAT(received, HasSubstr("pieces of output were dropped here"));
  EXPECT_THAT(received, EndsWith("\nafter\n"));
}

TEST_F(OutputQueueTest, FlushGivesUpOnAReaderThatDoesNotRead) {
  OutputQueue queue(fds_[1]);
  queue.Write(std::string(1 << 19, 'x'));
  queue.Flush(absl::Milliseconds(1));
  EXPECT_TRUE(queue.wants_write());
}

TEST_F(OutputQueueTest, DropsAllOnceTheReaderIsGone) {
  OutputQueue queue(fds_[1]);
  CloseReader();
  queue.Write("lost\n");
  queue.OnWritable();
  EXPECT_FALSE(queue.wants_write());
  queue.Write("lost too\n");
  EXPECT_FALSE(queue.wants_write());
}

}  // namespace
}  // namespace chorus
