#pragma once

// Errors as clients may see them: over gRPC, over HTTP, and in streams.
//
// Details travel with an absl::Status as payloads whose type URLs are those of google.protobuf.Any;
// HTTP renders them as JSON, gRPC sends them as google.rpc.Status.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api_server/front/http_message.h"
#include "api_server/transcoding/error_json.h"
#include "google/rpc/status.pb.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus {

// When a client that was refused should try again.
inline constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// INVALID_ARGUMENT with the message "<field> <problem>" and a BadRequest that names the field:
// FieldError("max_length", "must be at least 1: 0").
absl::Status FieldError(std::string_view field, std::string_view problem);

// What of `status` clients are told. RESOURCE_EXHAUSTED and UNAVAILABLE get a RetryInfo. Our own
// faults (INTERNAL, UNKNOWN, DATA_LOSS) are logged, with the request's id, and lose their words and
// details, unless it is the model that is at fault (NotFiniteError). The message becomes valid
// UTF-8.
absl::Status ToPublicStatus(const absl::Status& status, std::string_view request_id);

// A public status in the form that gRPC's grpc-status-details-bin has.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// In the following two `error` is as it came; what clients should not see of it is logged under
// `request_id`.

// The code, with Retry-After or Allow where they belong; of what is public `to_json` makes the
// body, in the shape of a protocol, by default AIP-193's.
HttpReply ToErrorReply(const absl::Status& error, std::string_view request_id,
                       std::string (*to_json)(const absl::Status& error) = ErrorJson);

// Of a stream, or in the place of a text that could not be had.
v1::ErrorEvent ToErrorEvent(const absl::Status& error, std::string_view request_id);

}  // namespace chorus
