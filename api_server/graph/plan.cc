#include "api_server/graph/plan.h"

namespace chorus {

Plan::Plan(const Graph& graph)
    : graph_(graph), num_open_rows_(static_cast<int>(graph.classifier().inputs.size())) {}

std::vector<Plan::Step> Plan::Start() const {
  std::vector<Step> steps;
  for (int i = 0; i < static_cast<int>(graph_.generators().size()); ++i) {
    if (!graph_.generators()[i].input.has_value()) steps.push_back({Step::kGenerate, i});
  }
  return steps;
}

std::vector<Plan::Step> Plan::Complete(Step step) {
  if (step.kind == Step::kClassify) {
    --num_open_rows_;
    return {};
  }
  std::vector<Step> steps;
  for (int i = 0; i < static_cast<int>(graph_.generators().size()); ++i) {
    if (graph_.generators()[i].input == step.index) steps.push_back({Step::kGenerate, i});
  }
  const std::vector<int>& rows = graph_.classifier().inputs;
  for (int row = 0; row < static_cast<int>(rows.size()); ++row) {
    if (rows[row] == step.index) steps.push_back({Step::kClassify, row});
  }
  return steps;
}

}  // namespace chorus
