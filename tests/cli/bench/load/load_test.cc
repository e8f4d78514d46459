#include "cli/bench/load/load.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <iterator>
#include <list>
#include <memory>

#include "cli/bench/report/histogram.h"
#include "cli/monotonic_clock.h"

namespace chorus::bench {
namespace {

// Serves one call after the other, each in `service` but one of them, which takes `stall`.
class SlowTarget : public Target {
 public:
  SlowTarget(boost::asio::io_context& io, absl::Duration service) : io_(io), service_(service) {}

  void StallAt(int call, absl::Duration stall) {
    stall_at_ = call;
    stall_ = stall;
  }

  void Send(Call, absl::Duration due, Done done) override {
    const absl::Duration now = MonotonicNow();
    free_at_ = std::max(free_at_, now) + (num_calls_++ == stall_at_ ? stall_ : service_);
    auto& active = active_.emplace_back(
        Active{boost::asio::steady_timer(io_), std::move(done), {.due = due, .sent = now}});
    most_ = std::max(most_, active_.size());
    active.timer.expires_after(absl::ToChronoNanoseconds(free_at_ - now));
    active.timer.async_wait([this, it = std::prev(active_.end())](boost::system::error_code error) {
      Active ended = std::move(*it);
      active_.erase(it);
      ended.record.end = MonotonicNow();
      ended.record.outcome = error ? Outcome::kUnfinished : Outcome::kOk;
      std::move(ended.done)(std::move(ended.record));
    });
  }
  void Expire(absl::Duration) override {}
  void Cancel() override {
    for (Active& each : active_) each.timer.cancel();
  }

  size_t most_at_once() const { return most_; }

 private:
  struct Active {
    boost::asio::steady_timer timer;
    Done done;
    CallRecord record;
  };

  boost::asio::io_context& io_;
  const absl::Duration service_;
  int num_calls_ = 0, stall_at_ = -1;
  absl::Duration stall_, free_at_;
  std::list<Active> active_;
  size_t most_ = 0;
};

class Recorder : public LoadObserver {
 public:
  void OnBegin(absl::Duration begin, absl::Duration end) override { begin_ = begin, end_ = end; }
  void OnCall(const CallRecord& record) override { records_.push_back(record); }
  void OnTick(absl::Duration, int) override {
    if (on_tick_) on_tick_();
  }
  void OnEnd(absl::Duration end) override {
    ++num_ends_;
    end_ = end;
  }

  size_t Count(Outcome outcome) const {
    return std::count_if(records_.begin(), records_.end(),
                         [&](const CallRecord& record) { return record.outcome == outcome; });
  }
  double Quantile(double q) const {
    Histogram histogram;
    for (const CallRecord& record : records_) {
      histogram.Add(absl::ToDoubleSeconds(record.end - record.due));
    }
    return histogram.Quantile(q);
  }

  std::vector<CallRecord> records_;
  absl::Duration begin_, end_;
  int num_ends_ = 0;
  std::function<void()> on_tick_;
};

class LoadTest : public ::testing::Test {
 protected:
  void Run(const WorkloadOptions& workload_options, const LoadOptions& options) {
    Workload workload = *Workload::Create(workload_options);
    Load load(io_, options, workload, target_, recorder_);
    load.Run(stop_.get_token());
  }

  boost::asio::io_context io_{1};
  SlowTarget target_{io_, absl::Milliseconds(1)};
  Recorder recorder_;
  std::stop_source stop_;
};

TEST_F(LoadTest, ClosedLoopKeepsItsClientsBusy) {
  Run({}, {.num_clients = 3, .max_calls = 50});
  EXPECT_EQ(recorder_.Count(Outcome::kOk), 50u);
  EXPECT_EQ(target_.most_at_once(), 3u);
  EXPECT_EQ(recorder_.num_ends_, 1);
  EXPECT_GE(recorder_.end_ - recorder_.begin_, absl::Milliseconds(50));
}

TEST_F(LoadTest, SendsForAsLongAsItShould) {
  Run({}, {.warmup = absl::Milliseconds(50), .duration = absl::Milliseconds(100)});
  EXPECT_EQ(recorder_.end_ - recorder_.begin_, absl::Milliseconds(100));
  for (const CallRecord& record : recorder_.records_) EXPECT_LT(record.due, recorder_.end_);
  EXPECT_LT(recorder_.records_.front().due, recorder_.begin_);
  EXPECT_GT(recorder_.records_.size(), 20u);
}

TEST_F(LoadTest, OpenLoopSendsWhenCallsAreDue) {
  Run({.rate = 500, .steady = true}, {.duration = absl::Milliseconds(400)});
  EXPECT_EQ(recorder_.records_.size(), 199u);  // At 2 ms, 4 ms, ... 398 ms.
  for (size_t i = 0; i < recorder_.records_.size(); ++i) {
    const CallRecord& record = recorder_.records_[i];
    EXPECT_EQ(record.due - recorder_.begin_, absl::Milliseconds(2) * (i + 1));
    EXPECT_GE(record.sent, record.due);
  }
}

TEST_F(LoadTest, AStallShowsInTheCallsThatWereDueMeanwhile) {
  target_.StallAt(100, absl::Seconds(1));
  Run({.rate = 200}, {.duration = absl::Seconds(2)});
  // About 200 of 400 calls were due while the server stood still, or worked off what had waited.
  EXPECT_GT(recorder_.Quantile(0.99), 0.9);
  EXPECT_GT(recorder_.Quantile(0.75), 0.3);
  EXPECT_LT(recorder_.Quantile(0.2), 0.25);
}

TEST_F(LoadTest, AStallShowsAlsoWhereCallsHadToWaitHere) {
  target_.StallAt(100, absl::Seconds(1));
  Run({.rate = 200}, {.max_in_flight = 1, .duration = absl::Seconds(2)});
  EXPECT_EQ(target_.most_at_once(), 1u);
  EXPECT_GT(recorder_.Quantile(0.99), 0.9);
  EXPECT_GT(recorder_.Quantile(0.75), 0.3);
  EXPECT_LT(recorder_.Quantile(0.2), 0.25);
}

TEST_F(LoadTest, CallsThatNeverGotTheirTurnHaveFailed) {
  Run({.rate = 5000}, {.max_in_flight = 2, .duration = absl::Milliseconds(100)});
  EXPECT_GT(recorder_.Count(Outcome::kFailed), 250u);
  EXPECT_LT(recorder_.Count(Outcome::kOk), 150u);
  EXPECT_EQ(recorder_.records_.back().outcome, Outcome::kOk);
}

TEST_F(LoadTest, StopGivesUpWhatIsInFlight) {
  target_.StallAt(10, absl::Hours(1));
  recorder_.on_tick_ = [&, ticks = 0]() mutable {
    if (++ticks == 10) stop_.request_stop();
  };
  Run({.rate = 500}, {.duration = absl::Seconds(30)});
  EXPECT_EQ(recorder_.Count(Outcome::kOk), 10u);
  EXPECT_GT(recorder_.Count(Outcome::kUnfinished), 20u);
  EXPECT_EQ(recorder_.num_ends_, 1);
  EXPECT_LT(recorder_.end_ - recorder_.begin_, absl::Seconds(20));
}

TEST_F(LoadTest, StopBeforeItBeginsSendsNearlyNothing) {
  stop_.request_stop();
  Run({}, {.duration = absl::Seconds(30)});
  EXPECT_LE(recorder_.records_.size(), 1u);
}

}  // namespace
}  // namespace chorus::bench
