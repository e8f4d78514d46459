#include "api_server/graph/plan.h"

#include <algorithm>

namespace chorus::gateway {

Plan::Plan(const Graph& graph) : steps_(graph.steps()), num_open_(steps_.size()) {
  for (const Graph::Step& step : steps_) num_unmet_.push_back(step.inputs.size());
}

std::vector<int> Plan::Start() const {
  std::vector<int> ready;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (num_unmet_[i] == 0) ready.push_back(static_cast<int>(i));
  }
  return ready;
}

std::vector<int> Plan::Complete(int step) {
  --num_open_;
  std::vector<int> ready;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const std::vector<int>& inputs = steps_[i].inputs;
    if (std::find(inputs.begin(), inputs.end(), steps_[step].node) == inputs.end()) continue;
    if (--num_unmet_[i] == 0) ready.push_back(static_cast<int>(i));
  }
  return ready;
}

}  // namespace chorus::gateway
