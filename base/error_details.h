#pragma once

// What an error says besides code and message: messages of google.rpc, as payloads of an
// absl::Status under the type URLs of google.protobuf.Any. gRPC sends them as google.rpc.Status,
// HTTP renders them as JSON.
//
// Thread safety: free functions without state.

#include <google/protobuf/message.h>

#include <string_view>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace chorus {

// INVALID_ARGUMENT "<field> <problem>" with a BadRequest that names the field:
// FieldError("max_length", "must be at least 1: 0").
absl::Status FieldError(std::string_view field, std::string_view problem);

// `status` with a BadRequest that names the field, whose description is the whole message.
absl::Status WithField(absl::Status status, std::string_view field);

// `status` without a BadRequest, which may name a field of another request.
absl::Status WithoutField(absl::Status status);

// `status` with a message that begins with whose it is, "PLACE: ". Of the rest only a BadRequest
// stays.
absl::Status OfPlace(const absl::Status& status, std::string_view place);

// Adds `detail`, in the place of one of the same type.
void SetDetail(const google::protobuf::Message& detail, absl::Status& status);

// With code, message and details, these in the order of their type URLs.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// Takes the BadRequest, if there is one, from what another process has sent.
void TakeBadRequest(const google::rpc::Status& sent, absl::Status& status);

}  // namespace chorus
