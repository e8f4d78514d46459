#pragma once

// From the proto a graph file is read into to the Graph that runs.
//
// Thread safety: free functions without state.

#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "api_server/graph/graph.h"
#include "proto/chorus/config/v1/graph.pb.h"

namespace chorus {

// The same fields, unchecked.
GraphSpec GraphSpecFromConfig(const config::v1::Graph& config);

// Errors as Graph::Create.
absl::StatusOr<std::shared_ptr<const Graph>> GraphFromConfig(
    const config::v1::Graph& config, const absl::flat_hash_set<std::string>& runners);

}  // namespace chorus
