#pragma once

// How long to wait before the next try of a download, and when to give up.
//
// Thread safety: none; InterruptibleWait may be called by any thread.

#include <optional>
#include <stop_token>

#include "absl/time/time.h"

namespace chorus::store {

class RetryPolicy {
 public:
  struct Options {
    int max_failures = 6;                           // In a row; the last one gives up.
    absl::Duration first_delay = absl::Seconds(1);  // Doubles with each failure,
    absl::Duration max_delay = absl::Seconds(30);   // up to this.
    absl::Duration max_retry_after = absl::Minutes(2);
  };

  explicit RetryPolicy(const Options& options) : options_(options) {}

  // The delay after a failure; none to give up. `made_progress` resets the count, this failure
  // being the first. `retry_after`, the server's, is kept to up to max_retry_after. `random`, in
  // [0, 1), spreads up to half of the delay, so that clients that failed together do not return
  // together.
  std::optional<absl::Duration> OnFailure(bool made_progress,
                                          std::optional<absl::Duration> retry_after, double random);

 private:
  const Options options_;
  int num_failures_ = 0;
};

// Waits for `delay` or until a stop is requested. True unless stopped.
bool InterruptibleWait(absl::Duration delay, const std::stop_token& stop);

}  // namespace chorus::store
