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
  struct Node {
    std::string name;
    std::string runner;
    std::string task;  // "generate" or "classify"
  };
  std::string name;
  std::vector<std::string> runners;  // Each once, in the order of the file.
  std::vector<Node> nodes;           // Likewise.
};

// NOT_FOUND when there is no such file; INVALID_ARGUMENT, with file and line, when it is no
// chorus.config.v1.Graph, or when a runner's name is no file's (IsFileName).
absl::StatusOr<GraphSummary> ReadGraphFile(const std::filesystem::path& path);

// INVALID_ARGUMENT names the node for which the model of `runner`, of that task and architecture,
// is of the wrong kind. A model whose task is not known (empty) passes.
absl::Status CheckTask(const GraphSummary& graph, const std::string& runner,
                       const std::string& task, const std::string& architecture);

}  // namespace chorus
