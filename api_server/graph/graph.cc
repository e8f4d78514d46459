#include "api_server/graph/graph.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/generation_params.h"

namespace chorus {
namespace {

constexpr size_t kMaxNameLength = 64;

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameLength &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' || c == '-';
         });
}

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::string_view(text.data(), text.size()), "\"");
}

// Checks a spec, rule by rule, and gathers what is wrong.
class Checker {
 public:
  Checker(const GraphSpec& spec, const absl::flat_hash_set<std::string>& runners)
      : spec_(spec), runners_(runners) {}

  absl::Status Check() {
    CheckNames();
    for (const GraphSpec::Node& node : spec_.nodes) CheckNode(node);
    CheckOutput();
    // Paths are followed only where every name means something.
    if (errors_.empty()) CheckCycles();
    if (errors_.empty()) CheckUse();
    if (errors_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

 private:
  template <typename... Parts>
  void Error(const Parts&... parts) {
    errors_.push_back(absl::StrCat("graph ", Quoted(spec_.name), ": ", parts...));
  }
  template <typename... Parts>
  void NodeError(const GraphSpec::Node& node, const Parts&... parts) {
    Error("node ", Quoted(node.name), ": ", parts...);
  }

  const GraphSpec::Node* Find(const std::string& name) const {
    const auto found = nodes_.find(name);
    return found == nodes_.end() ? nullptr : found->second;
  }

  void CheckNames() {
    if (!IsName(spec_.name)) {
      Error("name must match [a-z0-9_-]{1,64}: ", Quoted(spec_.name));
    }
    if (spec_.nodes.empty()) Error("nodes must not be empty");
    for (const GraphSpec::Node& node : spec_.nodes) {
      if (!IsName(node.name)) {
        NodeError(node, "name must match [a-z0-9_-]{1,64}: ", Quoted(node.name));
      }
      if (!nodes_.emplace(node.name, &node).second) {
        NodeError(node, "name must be unique in the graph: ", Quoted(node.name));
      }
    }
  }

  void CheckNode(const GraphSpec::Node& node) {
    if (const auto* generate = std::get_if<GraphSpec::Generate>(&node.kind)) {
      CheckRunner(node, generate->runner);
      if (!generate->input.empty()) CheckInput(node, "input", generate->input);
      for (const FieldProblem& problem : CheckRanges(generate->defaults)) {
        NodeError(node, problem.field, " ", problem.problem);
      }
    } else if (const auto* classify = std::get_if<GraphSpec::Classify>(&node.kind)) {
      CheckRunner(node, classify->runner);
      CheckInputs(node, classify->inputs);
    } else {
      NodeError(node, "kind must be set: write `generate:` or `classify:`");
    }
  }

  void CheckRunner(const GraphSpec::Node& node, const std::string& runner) {
    if (runners_.contains(runner)) return;
    std::vector<std::string> known(runners_.begin(), runners_.end());
    std::sort(known.begin(), known.end());
    NodeError(node, "runner must be one of ", known.empty() ? "none" : absl::StrJoin(known, ", "),
              ": ", Quoted(runner));
  }

  void CheckInput(const GraphSpec::Node& node, const char* field, const std::string& input) {
    const GraphSpec::Node* found = Find(input);
    if (found == nullptr) {
      NodeError(node, field, " must be a node of the graph: ", Quoted(input));
    } else if (std::holds_alternative<GraphSpec::Classify>(found->kind)) {
      NodeError(node, field, " must be a generate node, not a classify node: ", Quoted(input));
    }
  }

  void CheckInputs(const GraphSpec::Node& node, const std::vector<std::string>& inputs) {
    if (inputs.empty()) NodeError(node, "inputs must name at least one generate node");
    absl::flat_hash_set<std::string> seen;
    for (const std::string& input : inputs) {
      CheckInput(node, "inputs", input);
      if (!seen.insert(input).second) {
        NodeError(node, "inputs must name a node once: ", Quoted(input));
      }
    }
  }

  void CheckOutput() {
    const GraphSpec::Node* output = Find(spec_.output);
    if (output == nullptr) {
      Error("output must be a node of the graph: ", Quoted(spec_.output));
    } else if (std::holds_alternative<GraphSpec::Generate>(output->kind)) {
      Error("output must be a classify node, not a generate node: ", Quoted(spec_.output));
    }
  }

  // The name of the node whose text is this one's prompt; empty at the request's text.
  static const std::string& InputOf(const GraphSpec::Node& node) {
    return std::get<GraphSpec::Generate>(node.kind).input;
  }

  void CheckCycles() {
    absl::flat_hash_set<std::string> reported;
    for (const GraphSpec::Node& node : spec_.nodes) {
      if (!std::holds_alternative<GraphSpec::Generate>(node.kind)) continue;
      std::vector<std::string> path = {node.name};
      while (!InputOf(*Find(path.back())).empty()) {
        path.push_back(InputOf(*Find(path.back())));
        if (path.back() == node.name || path.size() > spec_.nodes.size()) break;
      }
      // A node that only leads into a cycle is not on it; the cycle's own nodes report it, once.
      if (path.size() == 1 || path.back() != node.name || reported.contains(node.name)) continue;
      reported.insert(path.begin(), path.end());
      NodeError(node, "input must not lead back to the node: ", absl::StrJoin(path, " <- "));
    }
  }

  // Every text must count: a node whose work nobody reads is a mistake in the file.
  void CheckUse() {
    absl::flat_hash_set<std::string> used = {spec_.output};
    for (std::string name : std::get<GraphSpec::Classify>(Find(spec_.output)->kind).inputs) {
      while (!name.empty() && used.insert(name).second) name = InputOf(*Find(name));
    }
    for (const GraphSpec::Node& node : spec_.nodes) {
      if (!used.contains(node.name)) {
        NodeError(node, "is not used: nothing leads from it to output ", Quoted(spec_.output));
      }
    }
  }

  const GraphSpec& spec_;
  const absl::flat_hash_set<std::string>& runners_;
  absl::flat_hash_map<std::string, const GraphSpec::Node*> nodes_;
  std::vector<std::string> errors_;
};

}  // namespace

bool operator==(const Graph::Generator& a, const Graph::Generator& b) {
  return a.name == b.name && a.runner == b.runner && a.input == b.input &&
         a.defaults.SerializeAsString() == b.defaults.SerializeAsString();
}

absl::StatusOr<std::shared_ptr<const Graph>> Graph::Create(
    const GraphSpec& spec, const absl::flat_hash_set<std::string>& runners) {
  if (absl::Status status = Checker(spec, runners).Check(); !status.ok()) return status;

  absl::flat_hash_map<std::string, int> index;
  for (const GraphSpec::Node& node : spec.nodes) {
    if (std::holds_alternative<GraphSpec::Generate>(node.kind)) {
      index.emplace(node.name, static_cast<int>(index.size()));
    }
  }
  std::shared_ptr<Graph> graph(new Graph);
  graph->name_ = spec.name;
  for (const GraphSpec::Node& node : spec.nodes) {
    if (const auto* generate = std::get_if<GraphSpec::Generate>(&node.kind)) {
      Generator generator{.name = node.name, .runner = generate->runner};
      if (!generate->input.empty()) generator.input = index.at(generate->input);
      generator.defaults = generate->defaults;
      graph->generators_.push_back(std::move(generator));
    } else {
      const auto& classify = std::get<GraphSpec::Classify>(node.kind);
      graph->classifier_ = {.name = node.name, .runner = classify.runner};
      for (const std::string& input : classify.inputs) {
        graph->classifier_.inputs.push_back(index.at(input));
      }
    }
  }
  graph->outputs_ = graph->classifier_.inputs;
  return graph;
}

std::shared_ptr<const Graph> Graph::OfModel(const std::string& runner) {
  std::shared_ptr<Graph> graph(new Graph);
  graph->name_ = runner;
  graph->generators_.push_back({.name = runner, .runner = runner});
  graph->outputs_ = {0};
  return graph;
}

std::optional<int> Graph::output_of(int generator) const {
  const auto found = std::find(outputs_.begin(), outputs_.end(), generator);
  if (found == outputs_.end()) return std::nullopt;
  return static_cast<int>(found - outputs_.begin());
}

}  // namespace chorus
