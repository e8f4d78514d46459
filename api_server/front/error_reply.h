#pragma once

// An error as an HTTP reply, in the form of AIP-193:
//   {"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"...","details":[...]}}
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "api_server/front/http_message.h"

namespace chorus {

// 429 and 503 have Retry-After.
HttpReply MakeErrorReply(const absl::Status& error);

}  // namespace chorus
