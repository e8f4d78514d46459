#pragma once

// Bookkeeping of one run of a graph: what may start now, what has ended. It starts nothing itself.
//
// Thread safety: none; the run that owns it holds its lock. The graph must outlive the plan.
// Invariants: (1) each step is handed out exactly once, after the step it waits for has completed.
// (2) Done() once every row is classified; since every text reaches a row, nothing is then left.

#include <vector>

#include "api_server/graph/graph.h"

namespace chorus {

class Plan {
 public:
  // One call to a runner.
  struct Step {
    enum Kind { kGenerate, kClassify };
    Kind kind;
    int index;  // Of the generator, or of the classifier's row.

    friend bool operator==(const Step&, const Step&) = default;
  };

  explicit Plan(const Graph& graph);

  // The steps that need the request's text only. Called once, first.
  std::vector<Step> Start() const;

  // The steps that `step`, handed out before, makes possible: of a text, the row that scores it and
  // the generators that continue it; of a row, none.
  //
  // Example: a; b of a; rows {b, a}. Start() = {generate a}, Complete(generate a) = {generate b,
  // classify row 1}, Complete(generate b) = {classify row 0}.
  std::vector<Step> Complete(Step step);

  bool Done() const { return num_open_rows_ == 0; }

 private:
  const Graph& graph_;
  int num_open_rows_;
};

}  // namespace chorus
