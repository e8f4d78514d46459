#pragma once

// Writes a message as compact proto3 JSON, by reflection.
//
// Fields have their .proto names and come in order of declaration. A field with presence
// (`optional`, a message, a member of a oneof) is written if it is set; a field without (plain,
// repeated, map) always. 64-bit integers are strings.
//
// Thread safety: free functions without state.

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

namespace chorus::gateway {

// Appends to `json`. A google.protobuf.Any is as AppendDetailJson has it, or else {}.
void AppendMessageJson(const google::protobuf::Message& message, std::string& json);

// {"@type":…, …} of a message of this program; false, and nothing, of any other.
bool AppendDetailJson(const google::protobuf::Any& detail, std::string& json);

// The value of one field; `null` for an unset singular message.
void AppendFieldJson(const google::protobuf::FieldDescriptor& field,
                     const google::protobuf::Message& message, std::string& json);

}  // namespace chorus::gateway
