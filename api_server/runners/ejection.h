#pragma once

// Leaves a replica that reports SERVING but fails its calls in peace for a while: after five
// failures in a row a second, and twice as long each time it fails again on its return, to half a
// minute. One success and all is forgotten.
//
// Thread safety: all methods may be called from any thread.

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "absl/time/time.h"

namespace chorus {

class Ejection {
 public:
  static constexpr int kFailures = 5;
  static constexpr absl::Duration kFirst = absl::Seconds(1);
  static constexpr absl::Duration kLongest = absl::Seconds(30);

  // A call has ended well.
  void OnSuccess() {
    std::lock_guard lock(mutex_);
    failures_ = 0;
    next_ = kFirst;
    until_ = absl::InfinitePast();
  }

  // A call has failed, and the fault was the replica's. With `may_eject` this may be one too many:
  // true if so.
  bool OnFailure(absl::Time now, bool may_eject) {
    std::lock_guard lock(mutex_);
    if (now < until_) return false;  // Begun before, or chosen for want of others.
    if (++failures_ < kFailures || !may_eject) return false;
    until_ = now + next_;
    next_ = std::min(2 * next_, kLongest);
    failures_ = kFailures - 1;  // The first failure after its return is one too many again.
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

}  // namespace chorus
