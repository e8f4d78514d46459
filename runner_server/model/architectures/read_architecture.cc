#include "runner_server/model/architectures/read_architecture.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/model_file.h"
#include "base/model_weights.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/model/config_reader.h"
#include "runner_server/model/transformer.h"

namespace chorus::runner {
namespace {

// What the name of a classifier's architecture ends with, such as that of a BERT.
constexpr std::string_view kClassifier = "ForSequenceClassification";

absl::Status InFile(const std::filesystem::path& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path.string(), ": ", status.message()));
}

// A config without "architectures" is known by its model_type.
absl::StatusOr<const ArchitectureRow*> FindArchitecture(ConfigReader& config) {
  const std::vector<std::string> names = config.Strings("architectures");
  const std::string type = config.String("model_type", "");
  RETURN_IF_ERROR(config.status());
  std::vector<std::string> known;
  for (const ArchitectureRow& row : ArchitectureTable()) {
    if (names.empty() ? type == row.model_type
                      : std::find(names.begin(), names.end(), row.name) != names.end()) {
      return &row;
    }
    known.emplace_back(row.name);
  }
  for (const ArchitectureRow& row : ArchitectureTable()) {
    if (!row.name.ends_with(kClassifier)) continue;
    const std::string_view family = row.name.substr(0, row.name.size() - kClassifier.size());
    if (type == row.model_type || (!names.empty() && names[0].starts_with(family))) {
      return absl::FailedPreconditionError(
          absl::StrCat("this model is a ", absl::StrJoin(names, ", "),
                       " and has no classification head, ", WhatToDoWithoutHead(row)));
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "architectures must name one of ", absl::StrJoin(known, ", "), ": ",
      names.empty() ? absl::StrCat("none, model_type ", type) : absl::StrJoin(names, ", ")));
}

}  // namespace

std::string WhatToDoWithoutHead(const ArchitectureRow& row) {
  return absl::StrCat("so it cannot score a text. Fine-tune it as a ", AbslView(row.name),
                      " and save that, or give the directory of a model that has been, such as "
                      "one trained on SST-2; --untrained_head SEED gives this one a head of random "
                      "weights, whose scores mean nothing");
}

absl::StatusOr<ModelArchitecture> ReadModelArchitecture(const std::filesystem::path& folder) {
  const std::filesystem::path config_path = folder / "config.json";
  if (std::error_code error; !std::filesystem::exists(config_path, error)) {
    return NoConfigError(folder);
  }
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(config_path));
  ConfigReader config(json);
  const absl::StatusOr<const ArchitectureRow*> row = FindArchitecture(config);
  if (!row.ok()) return InFile(config_path, row.status());
  ModelArchitecture model{.row = *row,
                          .architecture = (*row)->read(config),
                          .is_named = !config.Strings("architectures").empty()};
  if (!config.status().ok()) return InFile(config_path, config.status());
  if (const absl::Status status = CheckImplemented(model.architecture); !status.ok()) {
    return InFile(config_path, status);
  }
  return model;
}

}  // namespace chorus::runner
