#pragma once

// The google.protobuf messages that have a JSON form of their own: a Duration is "1.5s", a
// StringValue a string, a Struct any object.
//
// Errors: INVALID_ARGUMENT with a message that goes on from the field's name:
// `must be a duration such as "1.5s": "soon"`.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "api_server/transcoding/json_document.h"

namespace chorus {

enum class WellKnownType {
  kWrapper,
  kDuration,
  kTimestamp,
  kFieldMask,
  kStruct,
  kListValue,
  kValue,
  kAny
};

// None for a message whose JSON is the object of its fields.
std::optional<WellKnownType> GetWellKnownType(const google::protobuf::Descriptor& message);

// Whether the type's JSON is a string, number or truth value, so that it can be a query parameter.
bool IsTextual(WellKnownType type);

// From the text of a query parameter. Requires IsTextual(type), and `message` to be of the type.
absl::Status ParseWellKnownText(WellKnownType type, std::string_view text,
                                google::protobuf::Message& message);

// From JSON; null only where the type has one (Value), else the caller leaves the field unset.
absl::Status ParseWellKnownJson(WellKnownType type, const JsonValue& json,
                                google::protobuf::Message& message);

// Writes the message's JSON after what is in `json`. INTERNAL when the message has none, such as a
// duration out of range or an Any of an unknown type.
absl::Status AppendWellKnownJson(WellKnownType type, const google::protobuf::Message& message,
                                 std::string& json);

}  // namespace chorus
