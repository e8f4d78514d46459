#include "api_server/graph/graph.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/names.h"

namespace chorus::gateway {
namespace {

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::string_view(text.data(), text.size()), "\"");
}

bool Writes(const NodeSpec& node) { return node.operation->result() == Operation::Result::kText; }

// Checks a graph's nodes rule by rule, and collects the errors.
class Checker {
 public:
  Checker(const config::v1::Graph& config, const std::vector<NodeSpec>& specs,
          const absl::flat_hash_set<std::string>& runners)
      : config_(config), specs_(specs), runners_(runners) {}

  absl::Status Check() {
    CheckNames();
    for (const NodeSpec& node : specs_) CheckNode(node);
    CheckOutput();
    // Paths are followed only if every name is known.
    if (errors_.empty()) CheckCycles();
    if (errors_.empty()) CheckUse();
    if (errors_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

 private:
  template <typename... Parts>
  void Error(const Parts&... parts) {
    errors_.push_back(absl::StrCat("graph ", Quoted(config_.name()), ": ", parts...));
  }
  template <typename... Parts>
  void NodeError(const NodeSpec& node, const Parts&... parts) {
    Error("node ", Quoted(node.name), ": ", parts...);
  }

  const NodeSpec* Find(const std::string& name) const {
    const auto found = nodes_.find(name);
    return found == nodes_.end() ? nullptr : found->second;
  }

  void CheckNames() {
    if (!IsName(config_.name())) {
      Error("name must match ", kNameRule, ": ", Quoted(config_.name()));
    }
    if (specs_.empty()) Error("nodes must not be empty");
    for (const NodeSpec& node : specs_) {
      if (!IsName(node.name)) {
        NodeError(node, "name must match ", kNameRule, ": ", Quoted(node.name));
      }
      if (!nodes_.emplace(node.name, &node).second) {
        NodeError(node, "name must be unique in the graph: ", Quoted(node.name));
      }
    }
  }

  void CheckNode(const NodeSpec& node) {
    if (node.operation == nullptr) {
      return NodeError(node, "kind must be set: write `", absl::StrJoin(NodeKinds(), ":` or `"),
                       ":`");
    }
    CheckRunner(node);
    CheckInputs(node);
    for (const std::string& problem : node.operation->Problems()) NodeError(node, problem);
  }

  void CheckRunner(const NodeSpec& node) {
    if (runners_.contains(node.runner)) return;
    std::vector<std::string> known(runners_.begin(), runners_.end());
    std::sort(known.begin(), known.end());
    NodeError(node, "runner must be one of ", known.empty() ? "none" : absl::StrJoin(known, ", "),
              ": ", Quoted(node.runner));
  }

  void CheckInputs(const NodeSpec& node) {
    if (node.inputs.empty() && !Writes(node)) {
      NodeError(node, node.input_field, " must name at least one generate node");
    }
    absl::flat_hash_set<std::string> seen;
    for (const std::string& input : node.inputs) {
      const NodeSpec* found = Find(input);
      if (found == nullptr) {
        NodeError(node, node.input_field, " must be a node of the graph: ", Quoted(input));
      } else if (found->operation != nullptr && !Writes(*found)) {
        NodeError(node, node.input_field, " must be a generate node, not a ", found->kind,
                  " node: ", Quoted(input));
      }
      if (!seen.insert(input).second) {
        NodeError(node, node.input_field, " must name a node once: ", Quoted(input));
      }
    }
  }

  // The output is a classify node. By CheckUse it is the only one, since no node takes a score as
  // an input.
  void CheckOutput() {
    const NodeSpec* output = Find(config_.output());
    if (output == nullptr) {
      Error("output must be a node of the graph: ", Quoted(config_.output()));
    } else if (output->operation != nullptr && Writes(*output)) {
      Error("output must be a classify node, not a ", output->kind,
            " node: ", Quoted(config_.output()));
    }
  }

  // Extends `path` along inputs to a cycle through its first node; false if there is none.
  bool LeadsBack(std::vector<std::string>& path, absl::flat_hash_set<std::string>& seen) const {
    const std::vector<std::string>& inputs = Find(path.back())->inputs;
    for (const std::string& input : inputs) {
      path.push_back(input);
      if (input == path.front()) return true;
      if (seen.insert(input).second && LeadsBack(path, seen)) return true;
      path.pop_back();
    }
    return false;
  }

  // A node that only leads into a cycle is not on it; the cycle's own nodes report it, once.
  void CheckCycles() {
    absl::flat_hash_set<std::string> reported;
    for (const NodeSpec& node : specs_) {
      std::vector<std::string> path = {node.name};
      absl::flat_hash_set<std::string> seen;
      if (reported.contains(node.name) || !LeadsBack(path, seen)) continue;
      reported.insert(path.begin(), path.end());
      NodeError(node, node.input_field,
                " must not lead back to the node: ", absl::StrJoin(path, " <- "));
    }
  }

  // A node whose text nobody uses is an error.
  void CheckUse() {
    absl::flat_hash_set<std::string> used = {config_.output()};
    for (std::vector<std::string> open = {config_.output()}; !open.empty();) {
      const NodeSpec& node = *Find(open.back());
      open.pop_back();
      for (const std::string& input : node.inputs) {
        if (used.insert(input).second) open.push_back(input);
      }
    }
    for (const NodeSpec& node : specs_) {
      if (!used.contains(node.name)) {
        NodeError(node, "is not used: nothing leads from it to output ", Quoted(config_.output()));
      }
    }
  }

  const config::v1::Graph& config_;
  const std::vector<NodeSpec>& specs_;
  const absl::flat_hash_set<std::string>& runners_;
  absl::flat_hash_map<std::string, const NodeSpec*> nodes_;
  std::vector<std::string> errors_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Graph>> Graph::Create(
    const config::v1::Graph& config, const absl::flat_hash_set<std::string>& runners) {
  std::vector<NodeSpec> specs;
  for (const config::v1::Node& node : config.nodes()) specs.push_back(ReadNode(node));
  if (absl::Status status = Checker(config, specs, runners).Check(); !status.ok()) return status;
  std::stable_partition(specs.begin(), specs.end(), Writes);
  return std::shared_ptr<const Graph>(new Graph(config.SerializeAsString(), config.name(), specs));
}

std::shared_ptr<const Graph> Graph::OfModel(const std::string& runner) {
  config::v1::Node node;
  node.set_name(runner);
  node.mutable_generate()->set_runner(runner);
  return std::shared_ptr<const Graph>(new Graph("", runner, {ReadNode(node)}));
}

Graph::Graph(std::string config, std::string name, const std::vector<NodeSpec>& specs)
    : config_(std::move(config)), name_(std::move(name)) {
  absl::flat_hash_map<std::string, int> index;
  for (const NodeSpec& spec : specs) index.emplace(spec.name, static_cast<int>(index.size()));
  for (const NodeSpec& spec : specs) {
    const int number = static_cast<int>(nodes_.size());
    Node node = {
        .name = spec.name, .kind = spec.kind, .runner = spec.runner, .operation = spec.operation};
    for (const std::string& input : spec.inputs) node.inputs.push_back(index.at(input));
    if (node.writes()) {
      steps_.push_back({.node = number, .inputs = node.inputs, .text = number});
    } else {
      for (const int input : node.inputs) {
        steps_.push_back({.node = number, .inputs = {input}, .text = input});
      }
    }
    nodes_.push_back(std::move(node));
  }
  outputs_ = output().writes() ? std::vector<int>{0} : output().inputs;
}

std::optional<int> Graph::output_of(int node) const {
  const auto found = std::find(outputs_.begin(), outputs_.end(), node);
  if (found == outputs_.end()) return std::nullopt;
  return static_cast<int>(found - outputs_.begin());
}

}  // namespace chorus::gateway
