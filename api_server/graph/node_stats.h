#pragma once

// How the calls of one node of a graph go: how many are in progress, and how long those of the last
// minute took.
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

namespace chorus {

// How a call has ended.
enum class CallEnd {
  kOk,
  kFailed,     // The fault was ours: also a deadline that passed, or a queue that was full.
  kByCaller,   // The caller made a mistake, or left.
  kCalledOff,  // Its run has failed elsewhere. Nothing is counted.
};

class NodeStats {
 public:
  // A call in progress. Its functions are called one at a time.
  struct Call {
    absl::Time begin;
    bool waiting = false;  // Has no token yet.
  };

  struct Snapshot {
    uint32_t in_flight = 0;
    uint32_t waiting = 0;                    // Of those, without a token yet.
    uint32_t recent_calls = 0;               // Ended well in the last minute.
    uint32_t recent_failures = 0;            // Failed in the last minute.
    uint32_t recent_caller_errors = 0;       // Were ended by their callers in the last minute.
    std::optional<absl::Duration> p50, p99;  // Of the recent calls; none when there are none.
    // What the next call is likely to take at most, going by those that ended well: the 95th
    // percentile of the last minute's, and no more than the longest of them is worth now. What a
    // call took is worth half of it every kHalfLife after its end, so that a burst is soon
    // forgotten, by an idle server too.
    absl::Duration likely;
  };

  static constexpr absl::Duration kHalfLife = absl::Seconds(5);

  Call Begin(absl::Time now);
  // Also for each token after the first.
  void OnFirstToken(Call& call);
  // Once for each call.
  void End(Call& call, CallEnd how, absl::Time now);

  Snapshot Take(absl::Time now);

 private:
  // What peak_ is worth.
  absl::Duration PeakLocked(absl::Time now) const;

  std::mutex mutex_;
  uint32_t in_flight_ = 0;  // Guarded by mutex_, as the following.
  uint32_t waiting_ = 0;
  WindowedQuantiles calls_;
  WindowedQuantiles failures_;
  WindowedQuantiles caller_errors_;
  absl::Duration peak_;  // Of the calls that ended well, as it was at peak_at_.
  absl::Time peak_at_ = absl::InfinitePast();
};

using GraphStats = std::vector<NodeStats>;  // One for each of Graph::nodes().

}  // namespace chorus
