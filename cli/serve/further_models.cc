#include "cli/serve/further_models.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"

namespace chorus {

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseFurtherModels(
    const std::vector<std::string>& also, const GraphSummary& graph) {
  std::vector<std::pair<std::string, std::string>> models;
  for (const std::string& text : also) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals + 1 == text.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--also takes NAME=MODEL, such as minilm=./minilm: ", text));
    }
    const std::string name = text.substr(0, equals);
    if (!IsFileName(name)) {
      return absl::InvalidArgumentError(absl::StrCat("--also: a name must match ", kFileNameRule,
                                                     ": \"", absl::CEscape(name), "\""));
    }
    const auto has_name = [&](const auto& model) { return model.first == name; };
    if (std::ranges::find(graph.runners, name) != graph.runners.end() ||
        std::ranges::any_of(models, has_name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--also names a runner that there is already: ", name));
    }
    models.emplace_back(name, text.substr(equals + 1));
  }
  return models;
}

}  // namespace chorus
