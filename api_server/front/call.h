#pragma once

// What accompanies a request through the gateway, over gRPC and HTTP alike.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "api_server/identity/gate.h"

namespace chorus::gateway {

// A call's usage, for the access log; 0 where it does not apply.
struct CallUsage {
  uint64_t prompt_tokens = 0;     // Of all its texts,
  uint64_t generated_tokens = 0;  // as here.
  // The longest wait of a text for its first step; unset before one has ended.
  std::optional<absl::Duration> queue_time;
  absl::Duration first_token_time;  // Until the first text had its first token.
};

// A call's usage so far, for the access log if the client leaves.
//
// Thread safety: all methods may be called from any thread.
class UsageSoFar {
 public:
  void Set(const CallUsage& usage) {
    Update([&](CallUsage& own) { own = usage; });
  }
  // Calls `change` with the usage, under the lock.
  template <typename Change>
  void Update(Change change) {
    const std::lock_guard lock(mutex_);
    change(usage_);
  }
  CallUsage Get() const {
    const std::lock_guard lock(mutex_);
    return usage_;
  }

 private:
  mutable std::mutex mutex_;
  CallUsage usage_;
};

// What a reply says besides its message.
struct ReplyNotes {
  // Sent as header fields or trailing metadata. Written before the call completes, read afterwards;
  // not locked.
  std::string finish_reason;  // X-Chorus-Finish-Reason: why a text ended early.
  std::string server_timing;  // Server-Timing

  // Calls `add` with name and value of each field that is set.
  template <typename Add>
  void ForEachField(Add add) const {
    if (!finish_reason.empty()) add("X-Chorus-Finish-Reason", finish_reason);
    if (!server_timing.empty()) add("Server-Timing", server_timing);
  }

  UsageSoFar usage;  // May also be read before the call completes.
};

struct Call {
  absl::Time deadline = absl::InfiniteFuture();  // Never later than arrival + max_timeout.
  std::stop_token stop;                          // Stopped when the client has left.
  std::string request_id;                        // [A-Za-z0-9._-]{1,128}
  std::string traceparent;                       // W3C Trace Context; empty: none.
  Caller caller;
  std::shared_ptr<ReplyNotes> notes = std::make_shared<ReplyNotes>();
};

}  // namespace chorus::gateway
