#pragma once

// Bounds how many graph and model calls are in progress, and refuses new ones while draining.
//
// Never waits: a call over the bound fails at once.
//
// Thread safety: all methods may be called from any thread. Permits may be destroyed on any thread,
// and must not outlive the Admission.
//
// Example:
//   ASSIGN_OR_RETURN(Admission::Permit permit, admission.TryAcquire());
//   runner.Generate(..., [permit = std::move(permit)](auto result) { ... });

#include <atomic>
#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"

namespace chorus::gateway {

class Admission {
 public:
  // Held by a call in progress; its destruction frees the place.
  class Permit {
   public:
    Permit(Permit&&) = default;
    Permit& operator=(Permit&&) = default;

   private:
    friend class Admission;
    struct Release {
      void operator()(Admission* admission) const { --admission->num_in_progress_; }
    };
    explicit Permit(Admission* admission) : admission_(admission) {}
    std::unique_ptr<Admission, Release> admission_;
  };

  // `max_in_progress` must be at least 1.
  explicit Admission(size_t max_in_progress) : max_in_progress_(max_in_progress) {}

  // RESOURCE_EXHAUSTED when the bound is reached, to which a call of low priority comes at three
  // quarters; UNAVAILABLE after Close().
  absl::StatusOr<Permit> TryAcquire(bool is_low = false);

  // The bound from now on; calls over it that are in progress go on.
  void SetMaxInProgress(size_t max_in_progress) { max_in_progress_ = max_in_progress; }

  // Refuses all calls from now on; those in progress go on.
  void Close() { closed_ = true; }

  size_t num_in_progress() const { return num_in_progress_; }

 private:
  std::atomic<size_t> max_in_progress_;
  std::atomic<size_t> num_in_progress_ = 0;
  std::atomic<bool> closed_ = false;
};

}  // namespace chorus::gateway
