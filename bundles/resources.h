#pragma once

// How a model is run, as chorusfile.yaml and bundle.yaml say it.
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

// What runner_server's --dtype takes.
std::span<const char* const> Dtypes();

// INVALID_ARGUMENT, with the place, for the first value out of range, or a runner that is not among
// `runners`.
absl::Status CheckResources(
    const google::protobuf::Map<std::string, config::v1::Resources>& resources,
    std::span<const std::string> runners, const YamlPlaces& places);

// The flags of runner_server for all that is set but the threads: "--dtype", "int8".
std::vector<std::string> RunnerFlags(const config::v1::Resources& resources);

// Those of `runner`; the default ones if there are none.
const config::v1::Resources& ResourcesOf(
    const google::protobuf::Map<std::string, config::v1::Resources>& resources,
    const std::string& runner);

}  // namespace chorus
