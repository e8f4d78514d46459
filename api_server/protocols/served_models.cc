#include "api_server/protocols/served_models.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/error_details.h"

namespace chorus::gateway {

ModelKind KindOf(const RunnerStatus& runner) {
  const ReplicaStatus* best = nullptr;
  for (const ReplicaStatus& replica : runner.replicas) {
    if (replica.model.task == ModelTask::kUnknown) continue;
    if (best == nullptr || (replica.healthy && !best->healthy)) best = &replica;
  }
  return best == nullptr ? ModelKind() : best->model;
}

std::vector<std::string> ServedNames(const Executor& executor) {
  std::vector<std::string> names;
  for (const auto& [name, client] : executor.runners()) names.push_back(name);
  for (const GraphStatus& status : executor.DescribeGraphs()) {
    names.push_back(status.graph->name());
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<std::string> RunnersOf(const Executor& executor, ModelTask task) {
  std::vector<std::string> names;
  for (const auto& [name, client] : executor.runners()) {
    if (KindOf(client->status()).task == task) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

absl::Status NoSuchModelError(const Executor& executor, const std::string& model) {
  return WithField(absl::NotFoundError(absl::StrCat("the model \"", absl::CHexEscape(model),
                                                    "\" does not exist; there is ",
                                                    absl::StrJoin(ServedNames(executor), ", "))),
                   "model");
}

absl::StatusOr<bool> IsGraph(const Executor& executor, const std::string& model) {
  if (executor.runners().contains(model)) return false;
  if (executor.DescribeGraph(model).ok()) return true;
  return NoSuchModelError(executor, model);
}

}  // namespace chorus::gateway
