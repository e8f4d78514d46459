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

// Thread safety: each call's functions are called one at a time; different calls', at once.
class RunStats {
 public:
  // The run makes `num_sequences` texts with each generator of `graph`. `stats` must outlive it;
  // null: nothing is noted.
  RunStats(GraphStats* stats, int num_sequences, const Graph& graph)
      : stats_(stats),
        num_sequences_(static_cast<size_t>(num_sequences)),
        generates_(graph.generators().size() * num_sequences_),
        classifies_(graph.classifier().inputs.size() * num_sequences_) {}

  void Begin(Plan::Step step, int sequence, absl::Time now) {
    if (stats_ != nullptr) call(step, sequence) = stats_->node(step).Begin(now);
  }
  void OnToken(Plan::Step step, int sequence) {
    if (stats_ != nullptr) stats_->node(step).OnFirstToken(call(step, sequence));
  }
  void End(Plan::Step step, int sequence, bool ok, absl::Time now) {
    if (stats_ != nullptr) stats_->node(step).End(call(step, sequence), ok, now);
  }

 private:
  NodeStats::Call& call(Plan::Step step, int sequence) {
    auto& calls = step.kind == Plan::Step::kGenerate ? generates_ : classifies_;
    return calls[static_cast<size_t>(step.index) * num_sequences_ + static_cast<size_t>(sequence)];
  }

  GraphStats* const stats_;
  const size_t num_sequences_;
  std::vector<NodeStats::Call> generates_;   // By generator and sequence.
  std::vector<NodeStats::Call> classifies_;  // By row and sequence.
};

}  // namespace chorus
