#pragma once

// What accompanies one request from the moment it is received, over gRPC and HTTP alike.

#include <memory>
#include <stop_token>
#include <string>

#include "absl/time/time.h"

namespace chorus {

// What the reply says of the call beside its message: header fields, or trailing metadata.
struct ReplyNotes {
  std::string finish_reason;  // X-Chorus-Finish-Reason: why a text ended before its time.
  std::string server_timing;  // Server-Timing
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
