#pragma once

// Proto3 JSON into a message, by reflection.
//
// Members are named as in the .proto file or in camel case; each field at most once, one member of
// a oneof at most. Null leaves a field unset (a google.protobuf.Value holds it). Scalars are held
// to scalar_value.h, google.protobuf's own messages to well_known_types.h. An unknown member, also
// of an enum, is refused; the message names the fields there are, and one that may be meant.
//
// Errors: INVALID_ARGUMENT names the place as one would write it in JavaScript, then what is wrong
// and the value: `scores[2].label must be a string: 5`. Objects and arrays are never quoted.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "api_server/transcoding/field_path.h"
#include "api_server/transcoding/json_document.h"

namespace chorus {

// Sets the fields that the object `json` names. `what` names the whole in messages: "the body".
// `given` are fields that come from elsewhere, and so are not named to who wrote an unknown one.
absl::Status JsonToMessage(const JsonValue& json, std::string_view what,
                           google::protobuf::Message& message,
                           const std::vector<FieldPath>& given = {});

// Sets one field of `message`, which may be repeated or a map. Null leaves it unset.
absl::Status JsonToField(const JsonValue& json, const google::protobuf::FieldDescriptor& field,
                         google::protobuf::Message& message);

}  // namespace chorus
