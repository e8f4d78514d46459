#pragma once

// The models that `chorus serve` serves beside those of its graph: --also.
//
// Thread safety: free function without state.

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/graph_file.h"

namespace chorus {

// Splits "NAME=MODEL"s. INVALID_ARGUMENT for a name that is no file name, or that there is already.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseFurtherModels(
    const std::vector<std::string>& also, const GraphSummary& graph);

}  // namespace chorus
