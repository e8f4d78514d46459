#pragma once

// What `chorus serve` needs of a graph file: which runners to start. The gateway, which also reads
// the file, checks all the rest of it.
//
// Thread safety: free function without state.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus {

struct GraphSummary {
  std::string name;
  std::vector<std::string> runners;  // Each once, in the order of the file.
};

// NOT_FOUND when there is no such file; INVALID_ARGUMENT, with file and line, when it is no
// chorus.config.v1.Graph, or when a runner's name may not be one ([A-Za-z0-9][A-Za-z0-9._-]{0,63}).
absl::StatusOr<GraphSummary> ReadGraphFile(const std::filesystem::path& path);

}  // namespace chorus
