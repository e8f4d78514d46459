#pragma once

// One inference graph: nodes that write texts, and one that scores them.
//
// Thread safety: a Graph is immutable; share it as shared_ptr<const Graph>.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "api_server/graph/operation.h"
#include "proto/chorus/config/v1/graph.pb.h"

namespace chorus::gateway {

// Invariants: (1) Following inputs from any node ends at the request's text. (2) Every node leads
// to the output. (3) Only the output scores. In a single model's graph only (1) and (2) hold: its
// one node is the output.
class Graph {
 public:
  struct Node {
    std::string name;
    std::string kind;  // "generate"
    std::string runner;
    std::vector<int>
        inputs;  // The nodes whose texts it takes, no duplicates; none: the request's text.
    std::shared_ptr<const Operation> operation;

    bool writes() const { return operation->result() == Operation::Result::kText; }
  };

  // One call of a node in a run, on all its inputs or, if it scores, on one of them.
  struct Step {
    int node;
    std::vector<int> inputs;  // The nodes whose texts must be complete.
    int text;                 // The node whose text it writes or scores.
  };

  // INVALID_ARGUMENT lists every error, a line each, as `graph "g": node "n": temperature must be
  // greater than 0: -1`. `runners` are the known runner names.
  static absl::StatusOr<std::shared_ptr<const Graph>> Create(
      const config::v1::Graph& config, const absl::flat_hash_set<std::string>& runners);

  // A graph of one generate node.
  static std::shared_ptr<const Graph> OfModel(const std::string& runner);

  const std::string& name() const { return name_; }
  bool is_of_model() const { return output().writes(); }
  // In declared order, with the output last.
  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& output() const { return nodes_.back(); }
  // In the order of the nodes, and of the output's inputs.
  const std::vector<Step>& steps() const { return steps_; }
  // The nodes whose texts make the reply, in order: those the output scores, or itself.
  const std::vector<int>& outputs() const { return outputs_; }
  // The index of `node` in outputs().
  std::optional<int> output_of(int node) const;

  // Whether their files say the same.
  friend bool operator==(const Graph& a, const Graph& b) { return a.config_ == b.config_; }

 private:
  Graph(std::string config, std::string name, const std::vector<NodeSpec>& nodes);

  const std::string config_;  // Serialised.
  const std::string name_;
  std::vector<Node> nodes_;
  std::vector<Step> steps_;
  std::vector<int> outputs_;
};

}  // namespace chorus::gateway
