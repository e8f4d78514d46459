#include "cli/bench/progress.h"

#include <gmock/gmock.h>

#include <sstream>

#include "cli/monotonic_clock.h"

namespace chorus::bench {
namespace {

class Counter : public LoadObserver {
 public:
  void OnBegin(absl::Duration, absl::Duration) override { ++num_begins; }
  void OnCall(const CallRecord&) override { ++num_calls; }
  void OnTick(absl::Duration, int) override {}
  void OnEnd(absl::Duration) override { ++num_ends; }

  int num_begins = 0, num_calls = 0, num_ends = 0;
};

class ProgressTest : public ::testing::Test {
 protected:
  void Begin(Progress& progress) {
    begin_ = MonotonicNow();
    progress.OnBegin(begin_ + absl::Seconds(1), begin_ + absl::Seconds(31));
  }
  std::string Taken() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::ostringstream out_;
  Counter counter_;
  absl::Duration begin_;
};

TEST_F(ProgressTest, WritesOverOneLineOfATerminal) {
  Progress progress(out_, true, counter_);
  Begin(progress);
  progress.OnTick(begin_ + absl::Milliseconds(500), 0);
  EXPECT_EQ(Taken(), "");
  progress.OnTick(begin_ + absl::Milliseconds(1100), 3);
  EXPECT_EQ(Taken(), "\r\033[K0 of 30 s: 0 calls/s ok, 3 in flight");
  for (int i = 0; i < 10; ++i) {
    progress.OnCall({.due = begin_,
                     .end = begin_ + absl::Milliseconds(200),
                     .outcome = i < 8 ? Outcome::kOk : Outcome::kRefused});
  }
  progress.OnTick(begin_ + absl::Milliseconds(3100), 1);
  EXPECT_EQ(Taken(),
            "\r\033[K2 of 30 s: 4 calls/s ok, p50 200 ms, p99 200 ms, 2 not ok, 1 in flight");
  progress.OnEnd(begin_ + absl::Seconds(31));
  progress.Finish();
  EXPECT_EQ(Taken(), "\r\033[K");
  EXPECT_EQ(counter_.num_begins, 1);
  EXPECT_EQ(counter_.num_calls, 10);
  EXPECT_EQ(counter_.num_ends, 1);
}

TEST_F(ProgressTest, WritesFewWholeLinesElsewhere) {
  Progress progress(out_, false, counter_);
  Begin(progress);
  for (int i = 1; i <= 25; ++i)
    progress.OnTick(begin_ + absl::Seconds(i) + absl::Milliseconds(9), 0);
  EXPECT_EQ(Taken(),
            "9 of 30 s: 0 calls/s ok, 0 in flight\n19 of 30 s: 0 calls/s ok, 0 in flight\n");
  progress.Finish();
  EXPECT_EQ(Taken(), "");
}

}  // namespace
}  // namespace chorus::bench
