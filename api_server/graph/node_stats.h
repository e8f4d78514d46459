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
//   stats.End(call, status.ok(), now);

#include <cstdint>
#include <mutex>
#include <optional>

#include "absl/time/time.h"
#include "api_server/graph/windowed_quantiles.h"

namespace chorus {

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
    std::optional<absl::Duration> p50, p99;  // Of the recent calls; none when there are none.
  };

  Call Begin(absl::Time now);
  // Also for each token after the first.
  void OnFirstToken(Call& call);
  // Once for each call.
  void End(Call& call, bool ok, absl::Time now);

  Snapshot Take(absl::Time now);

 private:
  std::mutex mutex_;
  uint32_t in_flight_ = 0;  // Guarded by mutex_, as the following.
  uint32_t waiting_ = 0;
  WindowedQuantiles calls_;
  WindowedQuantiles failures_;
};

}  // namespace chorus
