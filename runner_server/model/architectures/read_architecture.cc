#include "runner_server/model/architectures/read_architecture.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/model_file.h"
#include "base/model_modules.h"
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

// Whether it can be told of as it is.
bool IsClassName(const std::string& name) {
  return name.size() <= 128 && std::ranges::all_of(name, [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
         });
}

// A config without "architectures" is known by its model_type.
absl::StatusOr<ModelArchitecture> FindArchitecture(ConfigReader& config) {
  const std::vector<std::string> names = config.Strings("architectures");
  const std::string type = config.String("model_type", "");
  RETURN_IF_ERROR(config.status());
  std::vector<std::string> known;
  for (const ArchitectureRow& row : ArchitectureTable()) {
    if (names.empty() ? type == row.model_type
                      : std::find(names.begin(), names.end(), row.name) != names.end()) {
      return ModelArchitecture{.row = &row, .is_named = !names.empty()};
    }
    known.emplace_back(row.name);
  }
  for (const ArchitectureRow& row : ArchitectureTable()) {
    if (!row.name.ends_with(kClassifier) || names.empty() || !IsClassName(names[0])) continue;
    const std::string_view family = row.name.substr(0, row.name.size() - kClassifier.size());
    if (type == row.model_type || names[0].starts_with(family)) {
      return ModelArchitecture{.row = &row, .other_head = names[0]};
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "architectures must name one of ", absl::StrJoin(known, ", "), ": ",
      names.empty() ? absl::StrCat("none, model_type ", type) : absl::StrJoin(names, ", "),
      ". A model of another can be served compiled: chorus.save_model(…, compile=True)"));
}

// transformers would read such weights by the rules of a library of its own, or quantise floats.
absl::Status CheckNotQuantised(const ConfigReader& config) {
  const nlohmann::json* quantization = config.Find("quantization_config");
  if (quantization == nullptr) return absl::OkStatus();
  const nlohmann::json* method = config.Find("quantization_config.quant_method");
  const bool is_bits = config.Has("quantization_config.load_in_8bit") ||
                       config.Has("quantization_config.load_in_4bit");
  const std::string name = method != nullptr && method->is_string() ? method->get<std::string>()
                           : is_bits                                ? "bitsandbytes"
                                                                    : ShownJson(*quantization);
  return absl::InvalidArgumentError(
      absl::StrCat("quantization_config: the weights are quantised (", name.substr(0, 200),
                   "), which Chorus does not read: save the model unquantised"));
}

}  // namespace

std::string WhatToDoWithoutHead(const ArchitectureRow& row) {
  return absl::StrCat("so it cannot score a text. Fine-tune it as a ", AbslView(row.name),
                      " and save that, or give the directory of a model that has been, such as "
                      "one trained on SST-2; --untrained_head SEED gives this one a head of random "
                      "weights, whose scores mean nothing");
}

absl::StatusOr<ModelArchitecture> ReadModelArchitecture(const std::filesystem::path& folder) {
  const std::filesystem::path config_path = TransformerFolder(folder) / "config.json";
  if (std::error_code error; !std::filesystem::exists(config_path, error)) {
    return NoConfigError(folder);
  }
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(config_path));
  ConfigReader config(json);
  absl::StatusOr<ModelArchitecture> found = FindArchitecture(config);
  if (!found.ok()) return InFile(config_path, found.status());
  ModelArchitecture model = *std::move(found);
  if (const absl::Status status = CheckNotQuantised(config); !status.ok()) {
    return InFile(config_path, status);
  }
  model.architecture = model.row->read(config);
  RefuseWhatFewRead(config, model.architecture);
  if (!config.status().ok()) return InFile(config_path, config.status());
  if (const absl::Status status = CheckImplemented(model.architecture); !status.ok()) {
    return InFile(config_path, status);
  }
  return model;
}

absl::Status CheckHead(const std::filesystem::path& folder, const ModelArchitecture& model) {
  if (model.other_head.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      (folder / "config.json").string(), ": this model is a ", model.other_head,
      " and has no classification head, ", WhatToDoWithoutHead(*model.row),
      "; --pooling mean has runner_server make vectors with it. Both ignore the head it has"));
}

}  // namespace chorus::runner
