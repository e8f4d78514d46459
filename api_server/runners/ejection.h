#pragma once

// Ejects a replica that reports SERVING but fails its calls: after five failures in a row for a
// second, and each time it fails on its return for twice as long, up to half a minute. A success
// resets it.
//
// Thread safety: all methods may be called from any thread.

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "absl/time/time.h"

namespace chorus::gateway {

class Ejection {
 public:
  static constexpr int kFailures = 5;
  static constexpr absl::Duration kFirst = absl::Seconds(1);
  static constexpr absl::Duration kLongest = absl::Seconds(30);

  // A call has succeeded.
  void OnSuccess() {
    std::lock_guard lock(mutex_);
    failures_ = 0;
    next_ = kFirst;
    until_ = absl::InfinitePast();
  }

  // A call has failed by the replica's fault. True if it is ejected now, which needs `may_eject`.
  bool OnFailure(absl::Time now, bool may_eject) {
    std::lock_guard lock(mutex_);
    if (now < until_) return false;  // Begun before the ejection, or chosen for want of others.
    if (++failures_ < kFailures || !may_eject) return false;
    until_ = now + next_;
    next_ = std::min(2 * next_, kLongest);
    failures_ = kFailures - 1;  // The first failure after its return ejects it again.
    ++count_;
    return true;
  }

  bool ejected(absl::Time now) const {
    std::lock_guard lock(mutex_);
    return now < until_;
  }

  // How often it has been ejected.
  int64_t count() const {
    std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  mutable std::mutex mutex_;
  int failures_ = 0;  // In a row. Guarded by mutex_, as the following.
  absl::Duration next_ = kFirst;
  absl::Time until_ = absl::InfinitePast();
  int64_t count_ = 0;
};

}  // namespace chorus::gateway
