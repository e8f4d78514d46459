#pragma once

// The NodeStats of a graph's nodes, and the calls that one run of the graph has in progress.

#include <cstddef>
#include <vector>

#include "absl/time/time.h"
#include "api_server/graph/graph.h"
#include "api_server/graph/node_stats.h"
#include "api_server/graph/plan.h"

namespace chorus {

// Thread safety: as NodeStats.
class GraphStats {
 public:
  explicit GraphStats(const Graph& graph) : generators_(graph.generators().size()) {}

  NodeStats& generator(int index) { return generators_[static_cast<size_t>(index)]; }
  NodeStats& classifier() { return classifier_; }
  NodeStats& node(Plan::Step step) {
    return step.kind == Plan::Step::kGenerate ? generator(step.index) : classifier_;
  }

 private:
  std::vector<NodeStats> generators_;  // As Graph::generators().
  NodeStats classifier_;               // All its rows together.
};

// Thread safety: each step's functions are called one at a time; different steps', at once.
class RunStats {
 public:
  // `stats` must outlive the run.
  RunStats(GraphStats& stats, size_t num_generates, size_t num_classifies)
      : stats_(stats), generates_(num_generates), classifies_(num_classifies) {}

  void Begin(Plan::Step step, absl::Time now) { call(step) = stats_.node(step).Begin(now); }
  void OnToken(Plan::Step step) { stats_.node(step).OnFirstToken(call(step)); }
  void End(Plan::Step step, bool ok, absl::Time now) { stats_.node(step).End(call(step), ok, now); }

 private:
  NodeStats::Call& call(Plan::Step step) {
    return (step.kind == Plan::Step::kGenerate ? generates_
                                               : classifies_)[static_cast<size_t>(step.index)];
  }

  GraphStats& stats_;
  std::vector<NodeStats::Call> generates_;   // By generator.
  std::vector<NodeStats::Call> classifies_;  // By row.
};

}  // namespace chorus
