#pragma once

// How a model is run: `resources` of chorusfile.yaml and bundle.yaml.
//
// Thread safety: free functions without state.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "config/yaml_proto.h"
#include "proto/chorus/config/v1/chorusfile.pb.h"

namespace chorus {

// INVALID_ARGUMENT, with the position, for the first value out of range or runner not in `runners`.
absl::Status CheckResources(
    const google::protobuf::Map<std::string, config::v1::Resources>& resources,
    std::span<const std::string> runners, const YamlPlaces& places);

// runner_server's flags for everything set except the threads: "--dtype", "int8".
std::vector<std::string> RunnerFlags(const config::v1::Resources& resources);

// Whether libtorch computes, which a runner_server must have been built with.
bool NeedsTorch(const config::v1::Resources& resources);

// The resources of `runner`; defaults if it has none.
const config::v1::Resources& ResourcesOf(
    const google::protobuf::Map<std::string, config::v1::Resources>& resources,
    const std::string& runner);

}  // namespace chorus
