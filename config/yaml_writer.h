#pragma once

// Writes a protobuf message as the YAML that ParseYaml reads back to an equal message, and JSON as
// YAML.
//
// Thread safety: free functions without state.

#include <nlohmann/json.hpp>
#include <string>

#include "google/protobuf/message.h"

namespace chorus {

// Deterministic: the set fields in the order of their declaration, maps sorted by key. Strings that
// YAML would read as another type are quoted. Durations and bytes fields are not supported.
std::string FormatYaml(const google::protobuf::Message& message);

// The same values in the same order.
std::string FormatYaml(const nlohmann::ordered_json& json);

}  // namespace chorus
