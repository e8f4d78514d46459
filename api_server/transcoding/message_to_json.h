#pragma once

// A message into proto3 JSON, compact, by reflection.
//
// Fields are named as in the .proto file and come in the order they are declared in. A field with
// presence (`optional`, a message, a member of a oneof) is written when it is set, also when it is
// zero; a field without (plain, repeated, map) is always written, so that a reader finds an empty
// list or a false where there is one. 64-bit integers are strings, doubles have the fewest digits
// that read back the same, text is escaped only where JSON must.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

namespace chorus {

// Writes after what is in `json`.
void AppendMessageJson(const google::protobuf::Message& message, std::string& json);

// The value of one field; `null` for a singular message that is not set.
void AppendFieldJson(const google::protobuf::FieldDescriptor& field,
                     const google::protobuf::Message& message, std::string& json);

}  // namespace chorus
