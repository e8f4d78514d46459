#pragma once

// Labels of chorusfile.yaml and bundle.yaml.
//
// Thread safety: free function without state.

#include <string>

#include "absl/status/status.h"
#include "config/yaml_proto.h"
#include "google/protobuf/map.h"

namespace chorus {

// INVALID_ARGUMENT, with the place, unless all are as store::CheckLabel has them.
absl::Status CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                         const YamlPlaces& places);

}  // namespace chorus
