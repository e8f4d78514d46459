#pragma once

// Whether an engine is shutting down, and until when accepted work may still run.
//
// Thread safety: all methods may be called at once from any thread.

#include <atomic>
#include <cstdint>
#include <limits>

#include "absl/time/time.h"

namespace chorus {

class DrainClock {
 public:
  // The first call counts, and any that brings the end nearer.
  void Begin(absl::Time until) {
    const int64_t nanos = absl::ToUnixNanos(until);
    int64_t current = until_nanos_.load();
    while (nanos < current && !until_nanos_.compare_exchange_weak(current, nanos)) {
    }
  }

  bool IsOver(absl::Time now) const { return absl::ToUnixNanos(now) >= until_nanos_.load(); }

 private:
  std::atomic<int64_t> until_nanos_ = std::numeric_limits<int64_t>::max();
};

}  // namespace chorus
