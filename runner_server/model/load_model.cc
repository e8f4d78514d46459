#include "runner_server/model/load_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/model_file.h"
#include "base/model_weights.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/model/config_reader.h"
#include "runner_server/model/decoder.h"
#include "runner_server/model/encoder.h"
#include "runner_server/model/generation_config.h"
#include "runner_server/model/transformer.h"
#include "runner_server/weights/checkpoint.h"

namespace chorus::runner {
namespace {

// What the name of a classifier's architecture ends with, such as that of a BERT.
constexpr std::string_view kClassifier = "ForSequenceClassification";

absl::Status InFile(const std::filesystem::path& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path.string(), ": ", status.message()));
}

std::string WhatToDoWithoutHead(const ArchitectureRow& row) {
  return absl::StrCat("so it cannot score a text. Fine-tune it as a ", AbslView(row.name),
                      " and save that, or give the directory of a model that has been, such as "
                      "one trained on SST-2");
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

// `config` is read from config_path.
absl::StatusOr<Architecture> ReadArchitecture(const std::filesystem::path& config_path,
                                              const ArchitectureRow& row, ConfigReader& config) {
  Architecture architecture = row.read(config);
  absl::Status status = config.status();
  if (status.ok()) status = CheckImplemented(architecture);
  if (!status.ok()) return InFile(config_path, status);
  return architecture;
}

absl::StatusOr<std::unique_ptr<Transformer>> LoadWeights(const std::filesystem::path& directory,
                                                         const ArchitectureRow& row,
                                                         const Architecture& architecture,
                                                         const ModelOptions& options) {
  ASSIGN_OR_RETURN(const ModelWeights files, FindModelWeights(directory, row.name));
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(files));
  const std::string head = architecture.names.head + ".";
  const bool has_head =
      std::any_of(checkpoint.tensors().begin(), checkpoint.tensors().end(),
                  [&](const StoredTensor& tensor) { return tensor.name.starts_with(head); });
  if (std::holds_alternative<ClassificationHead>(architecture.head) && !has_head) {
    return absl::FailedPreconditionError(absl::StrCat(
        checkpoint.path().string(), ": this model has no classification head (no tensor ", head,
        "*), ", WhatToDoWithoutHead(row)));
  }
  return Transformer::Load(architecture, checkpoint, options.precision, options.num_threads);
}

absl::Status CheckOptions(const ModelOptions& options) {
  if (options.num_threads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_threads must be at least 1: ", options.num_threads));
  }
  if (options.num_kv_slots < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_kv_slots must be at least 1: ", options.num_kv_slots));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const std::filesystem::path& directory,
                                      const ModelOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  const std::filesystem::path config_path = directory / "config.json";
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(config_path));
  ConfigReader config(json);
  const absl::StatusOr<const ArchitectureRow*> row = FindArchitecture(config);
  if (!row.ok()) return InFile(config_path, row.status());
  ASSIGN_OR_RETURN(const Architecture architecture, ReadArchitecture(config_path, **row, config));
  ASSIGN_OR_RETURN(std::unique_ptr<Transformer> transformer,
                   LoadWeights(directory, **row, architecture, options));

  LoadedModel loaded{.architecture = *row};
  if (const auto* head = std::get_if<LanguageModelHead>(&architecture.head)) {
    ASSIGN_OR_RETURN(GenerationConfig generation,
                     ReadGenerationConfig(directory, architecture.vocab_size));
    ASSIGN_OR_RETURN(loaded.model, Decoder::Create(std::move(transformer), options.num_kv_slots,
                                                   options.max_kv_bytes));
    loaded.bos_token_id = generation.bos_token_id.value_or(head->bos_token_id);
    loaded.eos_token_ids = generation.eos_token_ids.value_or(head->eos_token_ids);
    loaded.defaults = std::move(generation.defaults);
  } else {
    loaded.model = std::make_unique<Encoder>(std::move(transformer));
  }
  return loaded;
}

}  // namespace chorus::runner
