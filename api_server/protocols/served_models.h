#pragma once

// What the gateway serves, as protocols that speak of models see it.
//
// Thread safety: free functions; the executor may be changed meanwhile.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api_server/graph/executor.h"
#include "api_server/graph/runner_client.h"

namespace chorus::gateway {

// The model of a runner, as a healthy replica reports it, else as any does. An unknown task if none
// has reported yet.
ModelKind KindOf(const RunnerStatus& runner);

// Runners and graphs, sorted, each name once.
std::vector<std::string> ServedNames(const Executor& executor);

// Runners whose model does `task`, sorted.
std::vector<std::string> RunnersOf(const Executor& executor, ModelTask task);

// The error for a model that is neither a runner nor a graph: NOT_FOUND, with what there is.
absl::Status NoSuchModelError(const Executor& executor, const std::string& model);

// Whether `model` is a graph; a runner of the same name goes first. NOT_FOUND as above.
absl::StatusOr<bool> IsGraph(const Executor& executor, const std::string& model);

}  // namespace chorus::gateway
