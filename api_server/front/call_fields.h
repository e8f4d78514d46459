#pragma once

// What a client says of its call beside the request: who it is and how long it waits.
//
// Thread safety: free functions; all may be called from any thread.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api_server/front/http_message.h"

namespace chorus {

// `offered` if it matches [A-Za-z0-9._-]{1,128}, else 32 random hexadecimal digits. So an id can
// stand in a header, a log line and a metric as it is.
std::string TakeRequestId(std::string_view offered);

// `offered` if it is a traceparent of W3C Trace Context, version 00, else nothing. It is passed on
// as it is: this server makes no spans of its own.
std::string TakeTraceparent(std::string_view offered);

// `arrival` plus X-Request-Timeout-Ms, but at most plus `max_timeout`, which is also the default.
// INVALID_ARGUMENT unless the field is a whole number of at least 1.
absl::StatusOr<absl::Time> TakeDeadline(const HttpRequest& request, absl::Time arrival,
                                        absl::Duration max_timeout);

}  // namespace chorus
