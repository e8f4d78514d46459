#pragma once

// Sends the calls of a workload to a target, in a closed or an open loop, and records each.
//
// In a closed loop a number of clients each send a call when their last one has ended. In an open
// loop calls are sent when they are due, whatever became of those before; one that had to wait
// here, because too many were in flight or this program was late, counts from when it was due. So
// no stall of the server's hides the calls that it kept from being sent ("coordinated omission").
//
// Thread safety: none; runs the io_context.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>

#include "absl/time/time.h"
#include "cli/bench/load/target.h"
#include "cli/bench/load/workload.h"

namespace chorus::bench {

struct LoadOptions {
  int num_clients = 1;       // Of a closed loop.
  int max_in_flight = 4096;  // Of an open one.
  absl::Duration warmup;     // Calls due within it are sent, and not measured.
  absl::Duration duration = absl::InfiniteDuration();  // For how long calls are sent after it,
  uint64_t max_calls = std::numeric_limits<uint64_t>::max();  // and how many at most, with those.
};

// Hears what happens; times are MonotonicNow()'s. Called on the load's thread.
class LoadObserver {
 public:
  virtual ~LoadObserver() = default;

  // Calls due from `begin` to before `end` are measured. `end` may be infinite.
  virtual void OnBegin(absl::Duration begin, absl::Duration end) = 0;
  virtual void OnCall(const CallRecord& record) = 0;
  virtual void OnTick(absl::Duration now, int num_in_flight) = 0;  // A few times a second.
  // Where `end` was infinite it is known now; so it is where an interruption came before it.
  virtual void OnEnd(absl::Duration end) = 0;
};

class Load {
 public:
  // All must outlive the load.
  Load(boost::asio::io_context& io, const LoadOptions& options, Workload& workload, Target& target,
       LoadObserver& observer);

  // Returns when all calls have ended. After a stop no call is sent, and those in flight are given
  // up.
  void Run(std::stop_token stop);

 private:
  using Clock = std::chrono::steady_clock;

  void SendDue();
  void SendNext();
  void Send(Call call, absl::Duration due);
  void OnDone(const CallRecord& record);
  void OnTick();
  void StopSending();
  void Interrupt();
  void FinishIfDone();
  absl::Duration DueTime(const Call& call) const { return begin_ + call.due; }

  boost::asio::io_context& io_;
  const LoadOptions options_;
  Workload& workload_;
  Target& target_;
  LoadObserver& observer_;
  boost::asio::steady_timer next_call_, tick_;
  absl::Duration begin_, send_until_;
  std::optional<Call> waiting_;  // For its time.
  std::deque<Call> overdue_;     // For one in flight to end.
  uint64_t num_sent_ = 0;
  int num_in_flight_ = 0;
  bool is_sending_ = true, is_interrupted_ = false, is_over_ = false;
};

}  // namespace chorus::bench
