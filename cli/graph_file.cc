#include "cli/graph_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model_store/file_system.h"
#include "model_store/tag.h"

namespace chorus {
namespace {

constexpr int64_t kMaxGraphBytes = 1 << 20;

absl::Status Bad(const std::filesystem::path& path, const YAML::Mark& mark,
                 const std::string& what) {
  const std::string line = mark.is_null() ? "" : absl::StrCat(":", mark.line + 1);
  return absl::InvalidArgumentError(absl::StrCat(path.native(), line, ": ", what));
}

// May throw YAML::Exception.
absl::StatusOr<GraphSummary> Summarize(const YAML::Node& root, const std::filesystem::path& path) {
  GraphSummary summary;
  const YAML::Node nodes = root.IsMap() ? root["nodes"] : YAML::Node();
  if (!nodes.IsSequence()) {
    return Bad(path, root.Mark(), "a graph has a list `nodes`; see examples/graphs");
  }
  if (root["name"]) summary.name = root["name"].as<std::string>();
  for (const YAML::Node& node : nodes) {
    if (!node.IsMap()) return Bad(path, node.Mark(), "a node is a mapping");
    for (const char* kind : {"generate", "classify"}) {
      const YAML::Node step = node[kind];
      if (!step || !step.IsMap() || !step["runner"]) continue;
      const std::string runner = step["runner"].as<std::string>();
      if (!IsValidTagPart(runner)) {
        return Bad(path, step["runner"].Mark(),
                   absl::StrCat("a runner's name must match [A-Za-z0-9][A-Za-z0-9._-]{0,63}: \"",
                                absl::CEscape(runner), "\""));
      }
      if (std::count(summary.runners.begin(), summary.runners.end(), runner) == 0) {
        summary.runners.push_back(runner);
      }
    }
  }
  if (summary.runners.empty()) return Bad(path, nodes.Mark(), "no node names a runner");
  return summary;
}

}  // namespace

absl::StatusOr<GraphSummary> ReadGraphFile(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxGraphBytes));
  try {
    return Summarize(YAML::Load(text), path);
  } catch (const YAML::Exception& exception) {  // yaml-cpp has no other way to fail.
    return Bad(path, exception.mark, exception.msg);
  }
}

}  // namespace chorus
