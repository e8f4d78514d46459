#include "base/model_modules.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/model_file.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxBytes = 1 << 20;

absl::Status Wrong(const fs::path& file, std::string_view what, std::string_view value) {
  return absl::InvalidArgumentError(
      absl::StrCat(file.string(), ": ", AbslView(what), ": ", AbslView(value)));
}

}  // namespace

bool IsModuleFolder(std::string_view name) {
  const size_t end = std::min(name.find('_'), name.size());
  constexpr std::string_view kKinds[] = {"_Transformer", "_Pooling", "_Dense", "_Normalize"};
  return end > 0 && end <= 3 && std::ranges::all_of(name.substr(0, end), absl::ascii_isdigit) &&
         std::ranges::find(kKinds, name.substr(end)) != std::end(kKinds);
}

absl::StatusOr<std::vector<ModelModule>> ReadModelModules(const fs::path& folder) {
  const fs::path file = folder / "modules.json";
  std::vector<ModelModule> modules;
  if (std::error_code ignored; !fs::exists(file, ignored)) return modules;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxBytes));
  const absl::StatusOr<nlohmann::json> json = ParseModelJson(text);
  if (!json.ok()) return Wrong(file, "is no JSON", std::string(json.status().message()));
  if (!json->is_array()) return Wrong(file, "must be a list of modules", ShownJson(*json));
  for (const nlohmann::json& module : *json) {
    if (!module.is_object() || !module.value("type", nlohmann::json()).is_string() ||
        !module.value("path", nlohmann::json("")).is_string()) {
      return Wrong(file, "a module must be an object with a type and a path", ShownJson(module));
    }
    // The last part of "sentence_transformers.models.Pooling".
    const std::string type = module.value("type", "");
    modules.push_back({type.substr(type.rfind('.') + 1), module.value("path", "")});
  }
  return modules;
}

fs::path TransformerFolder(const fs::path& folder) {
  const absl::StatusOr<std::vector<ModelModule>> modules = ReadModelModules(folder);
  if (!modules.ok()) return folder;  // Whoever reads the other modules will tell.
  for (const ModelModule& module : *modules) {
    if (module.kind == "Transformer" && IsModuleFolder(module.folder)) {
      return folder / module.folder;
    }
  }
  return folder;
}

}  // namespace chorus
