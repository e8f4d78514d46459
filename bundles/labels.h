#pragma once

// Labels of chorusfile.yaml and bundle.yaml.
//
// Thread safety: free function without state.

#include <string>

#include "absl/status/status.h"
#include "config/yaml_proto.h"
#include "google/protobuf/map.h"

namespace chorus {

// INVALID_ARGUMENT, with the place, unless every key matches [A-Za-z0-9][A-Za-z0-9._/-]{0,62} and
// every value has at most 1024 bytes and no control characters.
absl::Status CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                         const YamlPlaces& places);

}  // namespace chorus
