#pragma once

// Proto3 JSON into a message, by reflection, as the JSON is read: nothing is stored that the
// message has no place for.
//
// JSON is RFC 8259 to the letter, but that a byte order mark may begin it. It nests at most 100
// deep, and an object's names differ. Members are named as in the .proto file or in camel case;
// each field at most once, one member of a oneof at most. Null leaves a field unset. Scalars are
// held to scalar_value.h. An unknown member, also of an enum, is refused; the message names the
// fields there are, and one that may be meant.
//
// Errors: INVALID_ARGUMENT. Of what is no JSON, the place in the text, lines and characters counted
// from 1: `invalid JSON at line 3, column 7: `. Else the place as one would write it in JavaScript,
// then what is wrong and the value: `scores[2].label must be a string: 5`. Objects and arrays are
// never quoted. What comes first in the text is told.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "api_server/transcoding/field_path.h"

namespace chorus {

// Whether `json` is JSON, of any fields.
absl::Status CheckJson(std::string_view json);

// Sets the fields that `json`, an object, names; errors call the whole "the body". It must not name
// the fields `given`, which come from the path.
absl::Status JsonToMessage(std::string_view json, google::protobuf::Message& message,
                           const std::vector<FieldPath>& given = {});

// Sets one field of `message`, which may be repeated. Null leaves it unset.
absl::Status JsonToField(std::string_view json, const google::protobuf::FieldDescriptor& field,
                         google::protobuf::Message& message,
                         const std::vector<FieldPath>& given = {});

}  // namespace chorus
