#pragma once

// Writes a protobuf message as the YAML that ParseYaml reads back to an equal message.
//
// Thread safety: free function without state.

#include <string>

#include "google/protobuf/message.h"

namespace chorus {

// The fields that are set, in the order of their declaration, maps by key: the same message is
// always the same text. Texts that YAML might take for something else are quoted. Durations and
// bytes fields are not supported.
std::string FormatYaml(const google::protobuf::Message& message);

}  // namespace chorus
