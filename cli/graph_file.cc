#include "cli/graph_file.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "config/yaml_proto.h"
#include "model_store/tag.h"
#include "proto/chorus/config/v1/graph.pb.h"

namespace chorus {
namespace {

constexpr int64_t kMaxGraphBytes = 1 << 20;

}  // namespace

absl::StatusOr<GraphSummary> ReadGraphFile(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxGraphBytes));
  config::v1::Graph graph;
  YamlPlaces places;
  RETURN_IF_ERROR(ParseYaml(text, path.native(), graph, &places));
  GraphSummary summary{.name = graph.name()};
  for (int i = 0; i < graph.nodes_size(); ++i) {
    const config::v1::Node& node = graph.nodes(i);
    if (node.kind_case() == config::v1::Node::KIND_NOT_SET) continue;
    const bool generates = node.has_generate();
    const std::string& runner = generates ? node.generate().runner() : node.classify().runner();
    if (!IsFileName(runner)) {
      return places.Error(
          absl::StrCat("nodes[", i, "].", generates ? "generate" : "classify", ".runner"),
          absl::StrCat("must match ", kFileNameRule, ": \"", absl::CEscape(runner), "\""));
    }
    summary.nodes.push_back({node.name(), runner, generates ? "generate" : "classify"});
    if (std::count(summary.runners.begin(), summary.runners.end(), runner) == 0) {
      summary.runners.push_back(runner);
    }
  }
  if (summary.runners.empty()) return places.Error("nodes", "no node names a runner");
  return summary;
}

absl::Status CheckTask(const GraphSummary& graph, const std::string& runner,
                       const std::string& task, const std::string& architecture) {
  if (task.empty()) return absl::OkStatus();
  for (const GraphSummary::Node& node : graph.nodes) {
    if (node.runner != runner || node.task == task) continue;
    const bool generates = node.task == "generate";
    return absl::InvalidArgumentError(absl::StrCat(
        "graph \"", graph.name, "\": node \"", node.name, "\" ",
        generates ? "generates" : "classifies", ", but the model of its runner \"", runner,
        "\" is ", generates ? "a classifier" : "a generator", " (", architecture, ")"));
  }
  return absl::OkStatus();
}

}  // namespace chorus
