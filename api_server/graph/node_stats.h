#pragma once

// Statistics of one node's calls: how many are in progress, and the durations of the last minute.
//
// Thread safety: all methods may be called from any thread.
//
//   NodeStats::Call call = stats.Begin(now);
//   …
//   stats.OnFirstToken(call);
//   …
//   stats.End(call, CallEnd::kOk, now);

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "api_server/graph/windowed_quantiles.h"

namespace chorus::gateway {

// How a call ended.
enum class CallEnd {
  kOk,
  kFailed,     // Our fault; also a passed deadline or a full queue.
  kByCaller,   // The caller's mistake, or it left.
  kCalledOff,  // Its run failed elsewhere. Not counted.
};

class NodeStats {
 public:
  // A call in progress; one thread at a time.
  struct Call {
    absl::Time begin;
    bool waiting = false;  // Has no token yet.
  };

  struct Snapshot {
    uint32_t in_flight = 0;
    uint32_t waiting = 0;                    // Of those, without a token yet.
    uint32_t recent_calls = 0;               // Ended well in the last minute.
    uint32_t recent_failures = 0;            // Failed in the last minute.
    uint32_t recent_caller_errors = 0;       // Ended kByCaller in the last minute.
    std::optional<absl::Duration> p50, p99;  // Of recent_calls; unset if 0.
    // A likely upper bound for the next call: the 95th percentile of the last minute's successful
    // calls, but at most the decayed maximum, which halves every kHalfLife after a call's end, so
    // that a burst is soon forgotten, on an idle server too.
    absl::Duration likely;
  };

  static constexpr absl::Duration kHalfLife = absl::Seconds(5);

  Call Begin(absl::Time now);
  // May be called again for later tokens.
  void OnFirstToken(Call& call);
  // Once for each call.
  void End(Call& call, CallEnd how, absl::Time now);

  Snapshot Take(absl::Time now);

 private:
  // peak_, decayed.
  absl::Duration PeakLocked(absl::Time now) const;

  std::mutex mutex_;
  uint32_t in_flight_ = 0;  // Guarded by mutex_, as the following.
  uint32_t waiting_ = 0;
  WindowedQuantiles calls_;
  WindowedQuantiles failures_;
  WindowedQuantiles caller_errors_;
  absl::Duration peak_;  // Of successful calls, as of peak_at_.
  absl::Time peak_at_ = absl::InfinitePast();
};

using GraphStats = std::vector<NodeStats>;  // One for each of Graph::nodes().

}  // namespace chorus::gateway
