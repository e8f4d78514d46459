#pragma once

// What accompanies one request from the moment it is received, over gRPC and HTTP alike.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/time/time.h"

namespace chorus {

// What a call came to, for the access log; 0 where it has no such thing.
struct CallUsage {
  uint64_t prompt_tokens = 0;       // Of all its texts together,
  uint64_t generated_tokens = 0;    // as here.
  absl::Duration queue_time;        // The longest that a text waited for its first step.
  absl::Duration first_token_time;  // Until the first text had its first token.
};

// What is said of the call beside its message.
struct ReplyNotes {
  // In the reply's header fields, or trailing metadata.
  std::string finish_reason;  // X-Chorus-Finish-Reason: why a text ended before its time.
  std::string server_timing;  // Server-Timing

  CallUsage usage;
};

struct Call {
  absl::Time deadline = absl::InfiniteFuture();  // Never later than arrival + max_timeout.
  std::stop_token stop;                          // Stopped when the client has left.
  std::string request_id;                        // [A-Za-z0-9._-]{1,128}
  std::string traceparent;                       // W3C Trace Context; empty: none.
  // Written before the call completes, and read afterwards.
  std::shared_ptr<ReplyNotes> notes = std::make_shared<ReplyNotes>();
};

}  // namespace chorus
