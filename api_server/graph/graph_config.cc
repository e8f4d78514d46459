#include "api_server/graph/graph_config.h"

#include <utility>

#include "base/generation_params.h"

namespace chorus {
GraphSpec GraphSpecFromConfig(const config::v1::Graph& config) {
  GraphSpec spec{.name = config.name(), .output = config.output()};
  for (const config::v1::Node& config_node : config.nodes()) {
    GraphSpec::Node node{.name = config_node.name()};
    if (config_node.has_generate()) {
      const config::v1::GenerateNode& generate = config_node.generate();
      node.kind = GraphSpec::Generate{
          .runner = generate.runner(), .input = generate.input(), .defaults = ParamsOf(generate)};
    } else if (config_node.has_classify()) {
      const config::v1::ClassifyNode& classify = config_node.classify();
      node.kind = GraphSpec::Classify{
          .runner = classify.runner(),
          .inputs = {classify.inputs().begin(), classify.inputs().end()},
      };
    }
    spec.nodes.push_back(std::move(node));
  }
  return spec;
}

absl::StatusOr<std::shared_ptr<const Graph>> GraphFromConfig(
    const config::v1::Graph& config, const absl::flat_hash_set<std::string>& runners) {
  return Graph::Create(GraphSpecFromConfig(config), runners);
}

}  // namespace chorus
