#pragma once

// The events of one stream, from the run that makes them to the connection that writes them, which
// may be slower: text that waits is put together, so a reader that stalls costs the memory of its
// texts and holds nobody up.
//
// Thread safety: Push and End may be called from any thread; Wait and Take by one reader.

#include <mutex>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus {

class EventQueue {
 public:
  struct Batch {
    std::vector<v1::StreamEvent> events;
    std::optional<absl::Status> end;  // Set once the last of them are in `events`.
  };

  void Push(v1::StreamEvent event);

  // No event follows. Called once, last.
  void End(absl::Status status);

  // What has come since the last Take.
  Batch Take();

  // Calls `ready` once, as soon as Take() has something to bring: at once, inline, or from the
  // thread that brings it. One at a time.
  void Wait(absl::AnyInvocable<void() &&> ready);

 private:
  std::mutex mutex_;
  Batch waiting_;
  absl::AnyInvocable<void() &&> ready_;  // Null: nobody waits.
};

}  // namespace chorus
