#pragma once

// Bookkeeping of one run of a graph: which of its steps may start now, which have ended. It starts
// nothing itself.
//
// Thread safety: none; the run that owns it holds its lock. The graph must outlive the plan.
// Invariant: each step is handed out exactly once, after those it waits for have completed.

#include <vector>

#include "api_server/graph/graph.h"

namespace chorus {

class Plan {
 public:
  explicit Plan(const Graph& graph);

  // Steps, here and below, are indices into Graph::steps(). Those that need the request's text
  // only. Called once, first.
  std::vector<int> Start() const;

  // The steps that `step`, handed out before, makes possible.
  //
  // Example: a; b of a; s scores {b, a}. The steps are a, b, s of b, s of a. Start() = {a},
  // Complete(a) = {b, s of a}, Complete(b) = {s of b}.
  std::vector<int> Complete(int step);

  bool Done() const { return num_open_ == 0; }

 private:
  const std::vector<Graph::Step>& steps_;
  std::vector<size_t> num_unmet_;  // Of each step's inputs, those that are not whole yet.
  size_t num_open_;
};

}  // namespace chorus
