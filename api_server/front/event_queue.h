#pragma once

// The events of one stream, between the run that produces them and the connection that writes them.
// Waiting text is coalesced, so a stalled reader costs the memory of its texts and blocks nobody.
//
// Thread safety: Push and End may be called from any thread; Wait and Take by one reader at a time.

#include <mutex>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {

class EventQueue {
 public:
  struct Batch {
    std::vector<v1::StreamEvent> events;
    std::optional<absl::Status> end;  // Set once the last of them are in `events`.
  };

  void Push(v1::StreamEvent event);

  // No event follows. Called once, last.
  void End(absl::Status status);

  // The events since the last Take.
  Batch Take();

  // Calls `ready` once, as soon as Take() has something: inline, or from the thread that pushes. At
  // most one `ready` may wait.
  void Wait(absl::AnyInvocable<void() &&> ready);

 private:
  std::mutex mutex_;
  Batch waiting_;
  absl::AnyInvocable<void() &&> ready_;  // Null: nobody waits.
};

}  // namespace chorus::gateway
