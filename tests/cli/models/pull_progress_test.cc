#include "cli/models/pull_progress.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace chorus {
namespace {

constexpr int64_t kMiB = 1 << 20;

class PullProgressTest : public ::testing::Test {
 protected:
  PullProgress Make(bool terminal) {
    return PullProgress(out_, terminal, [this] { return now_; });
  }
  // What was written since the last call.
  std::string Taken() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::ostringstream out_;
  absl::Duration now_ = absl::Hours(5);
};

TEST_F(PullProgressTest, CountsUpInOneLineOfATerminal) {
  PullProgress progress = Make(true);
  progress.OnFile("model.safetensors", 100 * kMiB, 0);
  progress.OnBytes(kMiB);
  EXPECT_EQ(Taken(), "");
  now_ += absl::Seconds(2);
  progress.OnBytes(50 * kMiB);
  EXPECT_EQ(Taken(), "\r\033[Kmodel.safetensors: 50% of 100.0 MiB, 25.0 MiB/s");
  progress.OnBytes(51 * kMiB);
  EXPECT_EQ(Taken(), "");
  now_ += absl::Seconds(2);
  progress.OnBytes(100 * kMiB);
  EXPECT_EQ(Taken(), "\r\033[Kmodel.safetensors: 100% of 100.0 MiB, 25.0 MiB/s");
  progress.OnFileDone();
  EXPECT_EQ(Taken(), "\r\033[Kmodel.safetensors: 100.0 MiB, 25.0 MiB/s\n");
}

TEST_F(PullProgressTest, WritesFewWholeLinesElsewhere) {
  PullProgress progress = Make(false);
  progress.OnFile("config.json", 100, 0);
  progress.OnBytes(100);
  progress.OnFileDone();
  EXPECT_EQ(Taken(), "config.json: 100 B\n");
  progress.OnFile("model.safetensors", 100 * kMiB, 0);
  for (int i = 1; i <= 25; ++i) {
    now_ += absl::Seconds(1);
    progress.OnBytes(i * 4 * kMiB);
  }
  progress.OnFileDone();
  EXPECT_EQ(Taken(),
            "model.safetensors: 40% of 100.0 MiB, 4.0 MiB/s\n"
            "model.safetensors: 80% of 100.0 MiB, 4.0 MiB/s\n"
            "model.safetensors: 100.0 MiB, 4.0 MiB/s\n");
}

TEST_F(PullProgressTest, SaysWhereItGoesOn) {
  PullProgress progress = Make(false);
  progress.OnFile("x", 100 * kMiB, 40 * kMiB);
  now_ += absl::Seconds(2);
  progress.OnBytes(100 * kMiB);
  progress.OnFileDone();
  EXPECT_EQ(Taken(), "x: going on after 40.0 MiB of 100.0 MiB\nx: 100.0 MiB, 30.0 MiB/s\n");
  progress.OnFile("y", 100, 100);  // All of it was there.
  progress.OnFileDone();
  EXPECT_EQ(Taken(), "y: 100 B\n");
}

TEST_F(PullProgressTest, RetriesAndWaitsHaveTheirOwnLines) {
  PullProgress progress = Make(true);
  progress.OnWait();
  EXPECT_EQ(Taken(), "another process pulls the same model; waiting for it\n");
  progress.OnNoLocks("cannot lock /x: No locks available");
  EXPECT_EQ(Taken(),
            "warning: cannot lock /x: No locks available; what another process pulls at the same "
            "time is fetched twice\n");
  progress.OnFile("x", 100, 0);
  now_ += absl::Seconds(1);
  progress.OnBytes(50);
  Taken();
  progress.OnRetry("hub: connection reset", absl::Milliseconds(1234));
  EXPECT_EQ(Taken(), "\r\033[Khub: connection reset; trying again in 1.3s\n");
  progress.OnBytes(0);  // It began anew.
  now_ += absl::Seconds(1);
  progress.OnBytes(100);
  EXPECT_EQ(Taken(), "\r\033[Kx: 100% of 100 B, 75 B/s");
}

TEST_F(PullProgressTest, LeavesTheCursorInALineOfItsOwn) {
  {
    PullProgress progress = Make(true);
    progress.OnFile("x\033", 100, 0);
    now_ += absl::Seconds(1);
    progress.OnBytes(50);
  }
  EXPECT_EQ(Taken(), "\r\033[Kx\\x1b: 50% of 100 B, 50 B/s\n");
}

}  // namespace
}  // namespace chorus
