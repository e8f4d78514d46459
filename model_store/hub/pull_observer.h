#pragma once

// Is told how a pull goes on.
//
// Thread safety: called by the thread that pulls, and only during the pull.

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"

namespace chorus {

class PullObserver {
 public:
  virtual ~PullObserver() = default;

  // Another process pulls the same; this one waits for its end.
  virtual void OnWait() {}

  // The store's disk locks no files, as `error` says: of another pull of the same this one knows
  // nothing, and fetches what that one fetches too.
  virtual void OnNoLocks(std::string_view error) {}

  // A file begins, of which `done_bytes` were there already.
  virtual void OnFile(std::string_view name, int64_t size_bytes, int64_t done_bytes) {}

  // That file has `done_bytes` now; fewer than before after it had to begin again.
  virtual void OnBytes(int64_t done_bytes) {}

  // That file is whole, and is what it should be.
  virtual void OnFileDone() {}

  // Something failed, and is tried again after `delay`.
  virtual void OnRetry(std::string_view error, absl::Duration delay) {}
};

}  // namespace chorus
