#pragma once

// Checks whether a caller still waits: on arrival, when a batch forms, and between decode steps.
//
// Thread safety: a free function without state.

#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace chorus::runner {

// CANCELLED once a stop was requested, DEADLINE_EXCEEDED from `deadline` on, else OK.
inline absl::Status CheckStillWanted(const std::stop_token& stop, absl::Time deadline,
                                     absl::Time now) {
  if (stop.stop_requested()) return absl::CancelledError("the caller cancelled the call");
  if (now >= deadline) return absl::DeadlineExceededError("the call's deadline has passed");
  return absl::OkStatus();
}

}  // namespace chorus::runner
