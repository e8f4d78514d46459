#include "cli/graph_file.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "config/yaml_proto.h"
#include "model_store/tag.h"
#include "proto/chorus/config/v1/graph.pb.h"

namespace chorus {
namespace {

constexpr int64_t kMaxGraphBytes = 1 << 20;

// What models do, by the field of chorus.config.v1.Node that asks for it. Another kind of node
// takes any model.
constexpr struct Task {
  std::string_view name, verb, model;
} kTasks[] = {{"generate", "generates", "a generator"},
              {"classify", "classifies", "a classifier"},
              {"embed", "embeds", "an embedder"}};

const Task* FindTask(std::string_view name) {
  for (const Task& task : kTasks) {
    if (task.name == name) return &task;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<GraphSummary> ReadGraphFile(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxGraphBytes));
  config::v1::Graph graph;
  YamlPlaces places;
  RETURN_IF_ERROR(ParseYaml(text, path.native(), graph, &places));
  GraphSummary summary{.name = graph.name()};
  for (int i = 0; i < graph.nodes_size(); ++i) {
    const config::v1::Node& node = graph.nodes(i);
    const auto* kind = node.GetReflection()->GetOneofFieldDescriptor(
        node, node.GetDescriptor()->FindOneofByName("kind"));
    if (kind == nullptr) continue;
    const google::protobuf::Message& message = node.GetReflection()->GetMessage(node, kind);
    const std::string runner = message.GetReflection()->GetString(
        message, message.GetDescriptor()->FindFieldByName("runner"));
    if (!IsFileName(runner)) {
      return places.Error(
          absl::StrCat("nodes[", i, "].", kind->name(), ".runner"),
          absl::StrCat("must match ", kFileNameRule, ": \"", absl::CEscape(runner), "\""));
    }
    summary.nodes.push_back({node.name(), runner, kind->name()});
    if (std::count(summary.runners.begin(), summary.runners.end(), runner) == 0) {
      summary.runners.push_back(runner);
    }
  }
  if (summary.runners.empty()) return places.Error("nodes", "no node names a runner");
  summary.text = text;
  return summary;
}

absl::Status CheckTask(const GraphSummary& graph, const std::string& runner,
                       const std::string& task, const std::string& architecture) {
  const Task* has = FindTask(task);
  if (has == nullptr) return absl::OkStatus();
  for (const GraphSummary::Node& node : graph.nodes) {
    const Task* wants = FindTask(node.kind);
    if (node.runner != runner || wants == nullptr || wants == has) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("graph \"", graph.name, "\": node \"", node.name, "\" ", AbslView(wants->verb),
                     ", but the model of its runner \"", runner, "\" is ", AbslView(has->model),
                     " (", architecture, ")"));
  }
  return absl::OkStatus();
}

}  // namespace chorus
