#pragma once

// The part of a graph file that `chorus serve` needs: the runners to start. The gateway checks the
// rest.
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
    std::string kind;  // Its field of chorus.config.v1.Node, such as "generate".
  };
  std::string name;
  std::vector<std::string> runners;  // Each once, in the order of the file.
  std::vector<Node> nodes;           // Likewise.
  std::string text;                  // The file's.
};

// NOT_FOUND; INVALID_ARGUMENT, with file and line, if it is no chorus.config.v1.Graph or a runner's
// name is not IsFileName.
absl::StatusOr<GraphSummary> ReadGraphFile(const std::filesystem::path& path);

// INVALID_ARGUMENT names a node whose kind is another task than `task`, that of the model of
// `runner`. An empty (unknown) task passes.
absl::Status CheckTask(const GraphSummary& graph, const std::string& runner,
                       const std::string& task, const std::string& architecture);

}  // namespace chorus
