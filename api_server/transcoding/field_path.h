#pragma once

// A possibly nested field, by its dotted path: "sub.items".
//
// Thread safety: free functions without state; a path borrows its descriptors from their pool.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace chorus::gateway {

// From the root message down; never empty. All but the last are singular messages.
using FieldPath = std::vector<const google::protobuf::FieldDescriptor*>;

// The field of that name, spelled as in the .proto file (max_length) or in JSON's camel case
// (maxLength); null if there is none.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor& message,
                                                   std::string_view name);

// Empty if there is no such field, a field on the way is not a singular message, or the path has
// more than 32 names.
FieldPath ResolveFieldPath(const google::protobuf::Descriptor& message, std::string_view dotted);

// The dotted path, with the names of the .proto file.
std::string FieldPathName(const FieldPath& path);

// Sets the path's last field, a scalar, or appends if it is repeated; creates the messages on the
// way. `text` is parsed by scalar_value.h. The message of INVALID_ARGUMENT continues from the
// field's name.
absl::Status SetField(const FieldPath& path, std::string_view text,
                      google::protobuf::Message& root);

// INVALID_ARGUMENT if another member of the field's oneof is set. The message names it, and
// continues from the field's name.
absl::Status CheckAlternatives(const google::protobuf::FieldDescriptor& field,
                               const google::protobuf::Message& message);

}  // namespace chorus::gateway
