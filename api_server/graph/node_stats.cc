#include "api_server/graph/node_stats.h"

#include <algorithm>
#include <cmath>

namespace chorus::gateway {

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

void NodeStats::End(Call& call, CallEnd how, absl::Time now) {
  OnFirstToken(call);
  const absl::Duration duration = now - call.begin;
  std::lock_guard lock(mutex_);
  --in_flight_;
  switch (how) {
    case CallEnd::kOk:
      calls_.Add(duration, now);
      peak_ = std::max(duration, PeakLocked(now));
      peak_at_ = now;
      break;
    case CallEnd::kFailed:
      failures_.Add(duration, now);
      break;
    case CallEnd::kByCaller:
      caller_errors_.Add(duration, now);
      break;
    case CallEnd::kCalledOff:
      break;
  }
}

absl::Duration NodeStats::PeakLocked(absl::Time now) const {
  if (peak_at_ == absl::InfinitePast()) return absl::ZeroDuration();
  const absl::Duration age = std::max(now - peak_at_, absl::ZeroDuration());
  return peak_ * std::exp2(-absl::FDivDuration(age, kHalfLife));
}

NodeStats::Snapshot NodeStats::Take(absl::Time now) {
  std::lock_guard lock(mutex_);
  return {.in_flight = in_flight_,
          .waiting = waiting_,
          .recent_calls = calls_.Count(now),
          .recent_failures = failures_.Count(now),
          .recent_caller_errors = caller_errors_.Count(now),
          .p50 = calls_.Quantile(0.5, now),
          .p99 = calls_.Quantile(0.99, now),
          .likely =
              std::min(calls_.Quantile(0.95, now).value_or(absl::ZeroDuration()), PeakLocked(now))};
}

}  // namespace chorus::gateway
