#pragma once

// How long to wait before the next try of a download, and when to give up.
//
// Pure. Thread safety: none.

#include <optional>

#include "absl/time/time.h"

namespace chorus {

class RetryPolicy {
 public:
  struct Options {
    int max_failures = 6;                           // In a row; the last one gives up.
    absl::Duration first_delay = absl::Seconds(1);  // Doubles with each failure,
    absl::Duration max_delay = absl::Seconds(30);   // up to this.
    absl::Duration max_retry_after = absl::Minutes(2);
  };

  explicit RetryPolicy(const Options& options) : options_(options) {}

  // Call after a failure. None gives up. `made_progress`: the try got further than those before, so
  // that it counts as the first failure. `retry_after` is what the server asked for, if it did; it
  // is kept to, up to the limit. `random` is from [0, 1): up to half of a delay is left to chance,
  // so that many who failed together do not come back together.
  std::optional<absl::Duration> OnFailure(bool made_progress,
                                          std::optional<absl::Duration> retry_after, double random);

 private:
  const Options options_;
  int num_failures_ = 0;
};

}  // namespace chorus
