#pragma once

// Knows from a replica's refusals that its queue is full, so that the gateway can refuse further
// calls itself, at a fraction of the cost.
//
// A full replica answers RESOURCE_EXHAUSTED. After two such answers within kMemory it is full for
// calls of as many tokens or more: of the larger one's, then of the smallest's that is refused
// meanwhile. It is not any more when a quarter of the calls that waited there have left its queue,
// so that the queue never runs empty, or after kMemory, since other gateways' calls leave it too.
// Then calls try it again. So under overload a replica has to refuse a few calls each kMemory,
// whatever is offered.
//
// A call waits from its begin to its first text or its end. Calls underway have room of their own
// and are not counted.
//
// Thread safety: all methods may be called from any thread.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>

#include "absl/time/time.h"

namespace chorus::gateway {

class Backpressure {
 public:
  static constexpr absl::Duration kMemory = absl::Milliseconds(100);

  // A call begins to wait.
  void OnBegin() {
    std::lock_guard lock(mutex_);
    ++num_waiting_;
  }

  // A call waits no more.
  void OnLeave() {
    std::lock_guard lock(mutex_);
    --num_waiting_;
    if (num_to_leave_ > 0 && --num_to_leave_ == 0) full_for_ = kNothing;
  }

  // In place of OnLeave(): the replica has refused the call, of about `tokens` tokens.
  void OnRefused(int64_t tokens, absl::Time now) {
    std::lock_guard lock(mutex_);
    --num_waiting_;
    const bool again = IsRecent(refused_at_, now);
    const int64_t larger = std::max(tokens, refused_tokens_);
    refused_at_ = now;
    refused_tokens_ = tokens;
    if (!again) return;
    full_for_ = IsRecent(full_at_, now) ? std::min(full_for_, larger) : larger;
    full_at_ = now;
    num_to_leave_ = std::max<int64_t>(num_waiting_ / 4, 1);
  }

  // Whether it would refuse a call of about `tokens` tokens.
  bool full_for(int64_t tokens, absl::Time now) const {
    std::lock_guard lock(mutex_);
    return tokens >= full_for_ && IsRecent(full_at_, now);
  }

 private:
  static constexpr int64_t kNothing = std::numeric_limits<int64_t>::max();

  // False too for a time to come, which a clock that was set back makes of an earlier one.
  static bool IsRecent(absl::Time time, absl::Time now) {
    return time <= now && now - time < kMemory;
  }

  mutable std::mutex mutex_;
  int64_t num_waiting_ = 0;  // Guarded by mutex_, as the following.
  absl::Time refused_at_ = absl::InfinitePast();
  int64_t refused_tokens_ = 0;   // Of the call refused then.
  int64_t full_for_ = kNothing;  // Tokens, as of full_at_.
  absl::Time full_at_ = absl::InfinitePast();
  int64_t num_to_leave_ = 0;  // Until full_for_ is kNothing again; 0 if it is.
};

}  // namespace chorus::gateway
