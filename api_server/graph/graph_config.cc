#include "api_server/graph/graph_config.h"

#include <utility>

namespace chorus {
namespace {

GraphSpec::Generate ToGenerate(const config::v1::GenerateNode& config) {
  GraphSpec::Generate generate{.runner = config.runner(), .input = config.input()};
  GenerateOverrides& defaults = generate.defaults;
  if (config.has_max_length()) defaults.max_length = config.max_length();
  if (config.has_max_new_tokens()) defaults.max_new_tokens = config.max_new_tokens();
  if (config.has_do_sample()) defaults.do_sample = config.do_sample();
  if (config.has_temperature()) defaults.temperature = config.temperature();
  if (config.has_top_k()) defaults.top_k = config.top_k();
  if (config.has_top_p()) defaults.top_p = config.top_p();
  if (config.has_min_p()) defaults.min_p = config.min_p();
  if (config.has_repetition_penalty()) defaults.repetition_penalty = config.repetition_penalty();
  defaults.stop = {config.stop().begin(), config.stop().end()};
  return generate;
}

}  // namespace

GraphSpec GraphSpecFromConfig(const config::v1::Graph& config) {
  GraphSpec spec{.name = config.name(), .output = config.output()};
  for (const config::v1::Node& config_node : config.nodes()) {
    GraphSpec::Node node{.name = config_node.name()};
    if (config_node.has_generate()) {
      node.kind = ToGenerate(config_node.generate());
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
