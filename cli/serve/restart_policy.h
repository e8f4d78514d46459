#pragma once

// Decides when to restart a child that has exited, with exponential backoff.
//
// Pure: no clock, no processes. Thread safety: none.

#include "absl/time/time.h"

namespace chorus {

// How a process ended.
struct ChildExit {
  bool by_signal = false;
  int code = 0;  // The exit status, or the signal's number.
  bool operator==(const ChildExit&) const = default;
};

class RestartPolicy {
 public:
  struct Options {
    absl::Duration initial_backoff = absl::Milliseconds(500);
    absl::Duration max_backoff = absl::Seconds(10);
    absl::Duration healthy_after = absl::Seconds(30);  // A run this long resets the backoff.
    int tries_before_report = 3;
  };
  struct Decision {
    absl::Duration delay;       // Until the next start.
    int num_failed_starts = 0;  // Consecutive quick exits not by a signal.
    bool report = false;        // True once, at `tries_before_report`: report that it cannot start.
  };

  explicit RestartPolicy(const Options& options) : options_(options) {}

  // `ran_for` is from start to exit.
  //
  // Example: exits after 1 s each, status 1 -> delays 0.5, 1, 2 (report), 4, 8, 10, 10 s.
  Decision OnExit(const ChildExit& exit, absl::Duration ran_for);

 private:
  Options options_;
  int num_exits_ = 0;  // In a row, none of them healthy.
  int num_failed_starts_ = 0;
};

}  // namespace chorus
