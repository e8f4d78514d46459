#pragma once

// What `chorus serve` is to serve: a graph and the models of its runners, found by its options.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/graph_file.h"
#include "cli/installation.h"
#include "cli/serve/serve.h"
#include "cli/serve/serve_plan.h"

namespace chorus {

// What callers know a runner by that the graph does not name.
struct ModelKind {
  std::string task;  // As store::ModelDescription's.
  std::string architecture;
  bool operator==(const ModelKind&) const = default;
};

struct ServeWork {
  GraphSummary graph;
  std::filesystem::path graph_file;                // Empty: no graph is served, by --only.
  std::vector<RunnerSpec> runners;                 // In the order of the graph.
  std::map<std::string, ModelKind> further_kinds;  // By runner, once checked.

  // Whether the same processes and the same graph serve both.
  bool operator==(const ServeWork& other) const {
    return graph_file.empty() == other.graph_file.empty() && runners == other.runners &&
           (graph_file.empty() || graph.text == other.graph.text);
  }
};

// Whether `options` name a bundle of the store, which brings its models.
bool IsOfBundle(const ServeOptions& options);

// Looks everything up anew: files, and the latest versions of the store. Reads no weights; hashes
// a bundle's own files. With keep_going a model that cannot be used has a fault and no replicas.
absl::StatusOr<ServeWork> FindWork(const ServeOptions& options, const Installation& installation);

// Hashes the models of the store, and checks that each model has the task that the graph needs.
// With keep_going a damaged model gets a fault.
absl::Status CheckWork(const ServeOptions& options, ServeWork& work);

// INVALID_ARGUMENT if --untrained_head is given and no runner has a use for it.
absl::Status CheckUntrainedHead(const ServeOptions& options, const ServeWork& work);

}  // namespace chorus
