#pragma once

// Writes a protobuf message as the YAML that ParseYaml reads back to an equal message.
//
// Thread safety: free function without state.

#include <string>

#include "google/protobuf/message.h"

namespace chorus {

// Deterministic: the set fields in the order of their declaration, maps sorted by key. Strings that
// YAML would read as another type are quoted. Durations and bytes fields are not supported.
std::string FormatYaml(const google::protobuf::Message& message);

}  // namespace chorus
