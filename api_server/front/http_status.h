#pragma once

// HTTP's status codes beside Abseil's.
//
// An absl::Status maps to one HTTP code by its own (google.rpc.Code's mapping). Where HTTP says
// more than that, such as 413 or 405, the HTTP code travels with the status as a payload.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace chorus {

// An error that HTTP has a code of its own for, such as 413: INVALID_ARGUMENT, or for 5xx
// UNAVAILABLE, 404 NOT_FOUND.
absl::Status HttpError(int http_code, std::string_view message);

// The code that HttpError gave, else the mapped one: RESOURCE_EXHAUSTED is 429. 200 when ok.
int HttpCodeOf(const absl::Status& status);

// "Not Found"; "Unknown" for codes this server does not send.
std::string_view HttpReason(int http_code);

}  // namespace chorus
