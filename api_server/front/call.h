#pragma once

// What accompanies one request from the moment it is received, over gRPC and HTTP alike.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/time/time.h"

namespace chorus {

// What a call came to, for the access log; 0 where it has no such thing.
struct CallUsage {
  uint64_t prompt_tokens = 0;     // Of all its texts together,
  uint64_t generated_tokens = 0;  // as here.
  // The longest that a text waited for its first step; not known before one has ended.
  std::optional<absl::Duration> queue_time;
  absl::Duration first_token_time;  // Until the first text had its first token.
};

// What a call has come to as yet: a client may leave at any time, and its line in the access log
// then tells what there was.
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

// What is said of the call beside its message.
struct ReplyNotes {
  // In the reply's header fields, or trailing metadata. Written before the call completes, and read
  // afterwards.
  std::string finish_reason;  // X-Chorus-Finish-Reason: why a text ended before its time.
  std::string server_timing;  // Server-Timing

  // Calls `add` with the name and the value of each field that there is.
  template <typename Add>
  void ForEachField(Add add) const {
    if (!finish_reason.empty()) add("X-Chorus-Finish-Reason", finish_reason);
    if (!server_timing.empty()) add("Server-Timing", server_timing);
  }

  UsageSoFar usage;  // May be read before the call completes, too.
};

struct Call {
  absl::Time deadline = absl::InfiniteFuture();  // Never later than arrival + max_timeout.
  std::stop_token stop;                          // Stopped when the client has left.
  std::string request_id;                        // [A-Za-z0-9._-]{1,128}
  std::string traceparent;                       // W3C Trace Context; empty: none.
  std::shared_ptr<ReplyNotes> notes = std::make_shared<ReplyNotes>();
};

}  // namespace chorus
