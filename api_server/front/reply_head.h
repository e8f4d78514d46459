#pragma once

// The status line and header block of an HTTP/1.1 reply.
//
// Thread safety: pure.

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "api_server/front/http_message.h"

namespace chorus::gateway {

// What the session adds to a reply.
struct ReplyContext {
  std::string_view request_id;  // Sent as X-Request-Id and X-BentoML-Request-ID.
  int minor_version = 1;        // Of the request. HTTP/1.0 gets `Connection: keep-alive`.
  bool close = false;           // The connection ends with this reply.
  absl::Time now;               // For Date.
};

// Ends in the empty line; the body follows, except for HEAD. A stream is chunked or, to HTTP/1.0,
// delimited by the end of the connection. Fields whose value has a control character are dropped,
// so that no value can inject a field.
std::string FormatReplyHead(const HttpReply& reply, const ReplyContext& context);

}  // namespace chorus::gateway
