#include "api_server/graph/node_stats.h"

namespace chorus {

NodeStats::Call NodeStats::Begin(absl::Time now) {
  std::lock_guard lock(mutex_);
  ++in_flight_;
  ++waiting_;
  return {.begin = now, .waiting = true};
}

void NodeStats::OnFirstToken(Call& call) {
  if (!call.waiting) return;
  call.waiting = false;
  std::lock_guard lock(mutex_);
  --waiting_;
}

void NodeStats::End(Call& call, bool ok, absl::Time now) {
  OnFirstToken(call);
  std::lock_guard lock(mutex_);
  --in_flight_;
  (ok ? calls_ : failures_).Add(now - call.begin, now);
}

NodeStats::Snapshot NodeStats::Take(absl::Time now) {
  std::lock_guard lock(mutex_);
  return {.in_flight = in_flight_,
          .waiting = waiting_,
          .recent_calls = calls_.Count(now),
          .recent_failures = failures_.Count(now),
          .p50 = calls_.Quantile(0.5, now),
          .p99 = calls_.Quantile(0.99, now)};
}

}  // namespace chorus
