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

// Calls are numbered from 0, those of generators and of the classifier apart.
//
// Thread safety: each call's functions are called one at a time; different calls', at once.
class RunStats {
 public:
  // `stats` must outlive the run; null: nothing is counted. At most `num_calls` of either kind.
  RunStats(GraphStats* stats, size_t num_calls)
      : stats_(stats), generates_(num_calls), classifies_(num_calls) {}

  void Begin(Plan::Step step, int number, absl::Time now) {
    if (stats_ != nullptr) call(step, number) = stats_->node(step).Begin(now);
  }
  void OnToken(Plan::Step step, int number) {
    if (stats_ != nullptr) stats_->node(step).OnFirstToken(call(step, number));
  }
  void End(Plan::Step step, int number, CallEnd how, absl::Time now) {
    if (stats_ != nullptr) stats_->node(step).End(call(step, number), how, now);
  }

 private:
  NodeStats::Call& call(Plan::Step step, int number) {
    return (step.kind == Plan::Step::kGenerate ? generates_
                                               : classifies_)[static_cast<size_t>(number)];
  }

  GraphStats* const stats_;
  std::vector<NodeStats::Call> generates_;
  std::vector<NodeStats::Call> classifies_;
};

}  // namespace chorus
