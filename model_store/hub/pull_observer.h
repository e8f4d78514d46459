#pragma once

// Receives the progress of a pull.
//
// Thread safety: called by the thread that pulls, and only during the pull.

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"

namespace chorus::store {

class PullObserver {
 public:
  virtual ~PullObserver() = default;

  // Another process pulls the same revision; this one waits for it.
  virtual void OnWait() {}

  // The store's disk has no file locks, as `error` says: two pulls of one revision both fetch it.
  virtual void OnNoLocks(std::string_view error) {}

  // A file begins, with `done_bytes` of it already present.
  virtual void OnFile(std::string_view name, int64_t size_bytes, int64_t done_bytes) {}

  // That file has `done_bytes` now; fewer than before if it was restarted.
  virtual void OnBytes(int64_t done_bytes) {}

  // That file is complete and verified.
  virtual void OnFileDone() {}

  // A request failed and is retried after `delay`.
  virtual void OnRetry(std::string_view error, absl::Duration delay) {}
};

}  // namespace chorus::store
