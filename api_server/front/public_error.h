#pragma once

// Errors as clients see them: over gRPC, over HTTP, and in streams.
//
// Their details are error_details.h's, everywhere the same.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api_server/front/http_message.h"
#include "api_server/transcoding/error_json.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {

// When a refused client should retry.
inline constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// The part of `status` that clients see. RESOURCE_EXHAUSTED and UNAVAILABLE get a RetryInfo.
// Internal errors (INTERNAL, UNKNOWN, DATA_LOSS) are logged with the request's id and lose message
// and details, except NotFiniteError. The message becomes valid UTF-8.
absl::Status ToPublicStatus(const absl::Status& status, std::string_view request_id);

// The next two make `error` public first, and log what clients must not see under `request_id`.

// A reply with the code and, where they apply, Retry-After and Allow. `to_json` makes the body of
// the public error, by default AIP-193's.
HttpReply ToErrorReply(const absl::Status& error, std::string_view request_id,
                       std::string (*to_json)(const absl::Status& error) = ErrorJson);

// For a stream, or in place of a text that failed.
v1::ErrorEvent ToErrorEvent(const absl::Status& error, std::string_view request_id);

}  // namespace chorus::gateway
