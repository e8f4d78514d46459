#include "cli/bench/load/load.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "cli/monotonic_clock.h"

namespace chorus::bench {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(20);

// Both are CLOCK_MONOTONIC.
std::chrono::steady_clock::time_point ToClock(absl::Duration time) {
  return std::chrono::steady_clock::time_point(absl::ToChronoNanoseconds(time));
}

}  // namespace

Load::Load(boost::asio::io_context& io, const LoadOptions& options, Workload& workload,
           Target& target, LoadObserver& observer)
    : io_(io),
      options_(options),
      workload_(workload),
      target_(target),
      observer_(observer),
      next_call_(io),
      tick_(io) {}

void Load::Run(std::stop_token stop) {
  // gRPC's calls are no work that the context would know of.
  io_.restart();
  auto work = boost::asio::make_work_guard(io_);
  const std::stop_callback on_stop(stop,
                                   [this] { boost::asio::post(io_, [this] { Interrupt(); }); });
  begin_ = MonotonicNow();
  send_until_ = begin_ + options_.warmup + options_.duration;
  observer_.OnBegin(begin_ + options_.warmup, send_until_);
  OnTick();
  if (workload_.is_open()) {
    SendDue();
  } else {
    for (int i = 0; i < options_.num_clients && is_sending_; ++i) SendNext();
  }
  while (!is_over_) io_.run_one();
  work.reset();
  io_.run();  // What has been cancelled.
}

// In an open loop: all that are due, and then waits for the next.
void Load::SendDue() {
  const absl::Duration now = MonotonicNow();
  while (is_sending_) {
    if (!waiting_) waiting_ = workload_.Next();
    if (!waiting_ || num_sent_ >= options_.max_calls || DueTime(*waiting_) >= send_until_) {
      return StopSending();
    }
    if (DueTime(*waiting_) > now) break;
    ++num_sent_;
    Call call = *std::exchange(waiting_, std::nullopt);
    if (num_in_flight_ < options_.max_in_flight) {
      const absl::Duration due = DueTime(call);
      Send(std::move(call), due);
    } else {
      overdue_.push_back(std::move(call));
    }
  }
  if (!is_sending_) return;
  next_call_.expires_at(ToClock(DueTime(*waiting_)));
  next_call_.async_wait([this](boost::system::error_code error) {
    if (!error) SendDue();
  });
}

// In a closed loop: the next of a client.
void Load::SendNext() {
  const absl::Duration now = MonotonicNow();
  std::optional<Call> call;
  if (num_sent_ < options_.max_calls && now < send_until_) call = workload_.Next();
  if (!call) return StopSending();
  ++num_sent_;
  Send(*std::move(call), now);
}

void Load::Send(Call call, absl::Duration due) {
  ++num_in_flight_;
  target_.Send(std::move(call), due, [this](const CallRecord& record) { OnDone(record); });
}

void Load::OnDone(const CallRecord& record) {
  --num_in_flight_;
  observer_.OnCall(record);
  if (!overdue_.empty()) {
    Call call = std::move(overdue_.front());
    overdue_.pop_front();
    const absl::Duration due = DueTime(call);
    Send(std::move(call), due);
  } else if (is_sending_ && !workload_.is_open()) {
    SendNext();
  }
  FinishIfDone();
}

void Load::OnTick() {
  const absl::Duration now = MonotonicNow();
  target_.Expire(now);
  observer_.OnTick(now, num_in_flight_ + static_cast<int>(overdue_.size()));
  tick_.expires_after(absl::ToChronoMilliseconds(kTick));
  tick_.async_wait([this](boost::system::error_code error) {
    if (!error && !is_over_) OnTick();  // It may have been due when it was cancelled.
  });
}

// Those that have waited here since they were due are never sent: they count as such.
void Load::StopSending() {
  if (!std::exchange(is_sending_, false)) return;
  next_call_.cancel();
  const absl::Duration now = MonotonicNow();
  for (const Call& call : overdue_) {
    CallRecord record{.due = DueTime(call), .sent = now, .end = now};
    record.Fail(is_interrupted_ ? Outcome::kUnfinished : Outcome::kFailed, "never sent",
                "as many calls as --max_in_flight were");
    observer_.OnCall(record);
  }
  overdue_.clear();
  FinishIfDone();
}

void Load::Interrupt() {
  if (is_over_ || std::exchange(is_interrupted_, true)) return;
  observer_.OnEnd(MonotonicNow());
  StopSending();
  target_.Cancel();
}

void Load::FinishIfDone() {
  if (is_sending_ || num_in_flight_ > 0 || std::exchange(is_over_, true)) return;
  if (!is_interrupted_) observer_.OnEnd(std::min(send_until_, MonotonicNow()));
  tick_.cancel();
}

}  // namespace chorus::bench
