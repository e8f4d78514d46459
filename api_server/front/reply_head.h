#pragma once

// The status line and header block of an HTTP/1.1 reply.
//
// Thread safety: pure.

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "api_server/front/http_message.h"

namespace chorus {

// What the session knows of a reply beside the reply.
struct ReplyContext {
  std::string_view request_id;  // Sent as X-Request-Id and X-BentoML-Request-ID.
  int minor_version = 1;        // Of the request: HTTP/1.0 is told that its connection stays open.
  bool close = false;           // The connection ends with this reply.
  absl::Time now;               // For Date.
};

// Ends in the empty line; the body follows, except to HEAD. A stream's comes in chunks; to
// HTTP/1.0, which has none, it comes until the connection closes. Fields whose value has a control
// character are left out, so that no value can begin a field of its own.
std::string FormatReplyHead(const HttpReply& reply, const ReplyContext& context);

}  // namespace chorus
