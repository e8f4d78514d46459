#pragma once

// Parses proto3 JSON into a message, by reflection, event by event: no intermediate document.
//
// JSON is strict (base/json_reader.h), at most 100 levels deep, with distinct keys. Members are
// named as in the .proto file or in camel case; each field at most once, and at most one of a
// oneof. Null leaves a field unset. Scalars follow scalar_value.h. Unknown members and enum values
// are refused; the error lists the known fields and the likely one.
//
// Errors: INVALID_ARGUMENT, for the first error in the text. Of syntax, with the position in lines
// and characters from 1: `invalid JSON at line 3, column 7: `. Else with the path, the rule and the
// value: `scores[2].label must be a string: 5`. Objects and arrays are never quoted.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "api_server/transcoding/field_path.h"

namespace chorus::gateway {

// OK if `json` is valid JSON, of any fields.
absl::Status CheckJson(std::string_view json);

// Sets the fields of `json`, an object, which errors call "the body". It must not contain the
// fields `given`, which come from the path.
absl::Status JsonToMessage(std::string_view json, google::protobuf::Message& message,
                           const std::vector<FieldPath>& given = {});

// Sets one field of `message`, which may be repeated. Null leaves it unset.
absl::Status JsonToField(std::string_view json, const google::protobuf::FieldDescriptor& field,
                         google::protobuf::Message& message,
                         const std::vector<FieldPath>& given = {});

}  // namespace chorus::gateway
