#pragma once

// google.protobuf.Struct, ListValue and Value: messages that hold any JSON.
//
// Works by reflection, so on generated and dynamic messages alike. Nests as deep as the JSON does,
// which ParseJson bounds.
//
// Thread safety: free functions without state.

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "api_server/transcoding/json_document.h"

namespace chorus {

// `message` must be one of the three. INVALID_ARGUMENT, to go on from the field's name, when a
// Struct is not an object, a ListValue not an array, or a number does not fit a double.
absl::Status ParseStructJson(const JsonValue& json, google::protobuf::Message& message);

// Writes the message's JSON after what is in `json`. INTERNAL when a Value holds no kind, or a
// number that JSON has not.
absl::Status AppendStructJson(const google::protobuf::Message& message, std::string& json);

}  // namespace chorus
