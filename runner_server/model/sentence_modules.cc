#include "runner_server/model/sentence_modules.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/model_file.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/model/config_reader.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxBytes = 1 << 20;

absl::Status Wrong(const fs::path& file, std::string_view what, std::string_view value) {
  return absl::InvalidArgumentError(
      absl::StrCat(file.string(), ": ", AbslView(what), ": ", AbslView(value)));
}

bool Exists(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

// The last part of "sentence_transformers.models.Pooling".
std::string KindOf(const nlohmann::json& module) {
  const std::string type = module.value("type", "");
  return type.substr(type.rfind('.') + 1);
}

absl::Status ReadPooling(const fs::path& folder, const nlohmann::json& module,
                         SentenceModules& modules) {
  // The path is untrusted; there is one that is used.
  const std::string path = module.value("path", "");
  if (path != "1_Pooling") {
    return Wrong(folder / "modules.json", "the pooling's path must be 1_Pooling", path);
  }
  const fs::path file = folder / path / "config.json";
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(file));
  std::string chosen;
  for (const auto& [key, value] : json.items()) {
    constexpr std::string_view kMode = "pooling_mode_";
    if (!key.starts_with(kMode) || value != true) continue;
    absl::StrAppend(&chosen, chosen.empty() ? "" : " ", key.substr(kMode.size()));
  }
  if (chosen == "mean_tokens" || chosen == "cls_token") {
    modules.pooling = chosen == "cls_token" ? Pooling::kFirstToken : Pooling::kMean;
    return absl::OkStatus();
  }
  return Wrong(file, "the pooling must be one of mean_tokens and cls_token",
               chosen.empty() ? "none" : chosen);
}

absl::Status ReadBounds(const fs::path& folder, SentenceModules& modules) {
  const fs::path file = folder / "sentence_bert_config.json";
  if (!Exists(file)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(file));
  ConfigReader config(json);
  modules.max_text_tokens = config.Integer("max_seq_length", INT_MAX, 2, INT_MAX);
  config.RequireBool("do_lower_case", false);
  if (config.status().ok()) return absl::OkStatus();
  return absl::Status(config.status().code(),
                      absl::StrCat(file.string(), ": ", config.status().message()));
}

}  // namespace

absl::StatusOr<std::optional<SentenceModules>> ReadSentenceModules(const fs::path& folder) {
  const fs::path file = folder / "modules.json";
  if (!Exists(file)) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxBytes));
  const absl::StatusOr<nlohmann::json> parsed = ParseModelJson(text);
  if (!parsed.ok()) return Wrong(file, "is no JSON", std::string(parsed.status().message()));
  const nlohmann::json& json = *parsed;
  if (!json.is_array()) return Wrong(file, "must be a list of modules", ShownJson(json));
  SentenceModules modules;
  bool has_pooling = false;
  for (const nlohmann::json& module : json) {
    if (!module.is_object() || !module.value("type", nlohmann::json()).is_string() ||
        !module.value("path", nlohmann::json("")).is_string()) {
      return Wrong(file, "a module must be an object with a type and a path", ShownJson(module));
    }
    const std::string kind = KindOf(module);
    if (kind == "Transformer") {
      const std::string path = module.value("path", "");
      if (path.empty()) continue;
      return Wrong(file, "the module Transformer must lie in this folder itself, its path be empty",
                   path);
    }
    if (kind == "Pooling") {
      RETURN_IF_ERROR(ReadPooling(folder, module, modules));
      has_pooling = true;
    } else if (kind == "Normalize") {
      modules.normalizes = true;
    } else {
      return Wrong(file, "Chorus implements the modules Transformer, Pooling and Normalize", kind);
    }
  }
  if (!has_pooling) return Wrong(file, "has no module Pooling", ShownJson(json));
  RETURN_IF_ERROR(ReadBounds(folder, modules));
  return modules;
}

}  // namespace chorus::runner
