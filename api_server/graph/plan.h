#pragma once

// Bookkeeping of one run of a graph: which steps are ready, which have ended. Starts nothing
// itself.
//
// Thread safety: none; guarded by its run's mutex. The graph must outlive the plan.
// Invariant: each step is handed out once, after the steps it depends on have completed.

#include <vector>

#include "api_server/graph/graph.h"

namespace chorus::gateway {

class Plan {
 public:
  explicit Plan(const Graph& graph);

  // The steps that need only the request's text, as indices into Graph::steps(). Called once,
  // first.
  std::vector<int> Start() const;

  // The steps that become ready when `step` ends.
  //
  // Example: a; b of a; s scores {b, a}. The steps are a, b, s of b, s of a. Start() = {a},
  // Complete(a) = {b, s of a}, Complete(b) = {s of b}.
  std::vector<int> Complete(int step);

  bool Done() const { return num_open_ == 0; }

 private:
  const std::vector<Graph::Step>& steps_;
  std::vector<size_t> num_unmet_;  // By step: inputs that are not complete.
  size_t num_open_;
};

}  // namespace chorus::gateway
