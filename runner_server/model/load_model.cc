#include "runner_server/model/load_model.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/model_weights.h"
#include "base/status_macros.h"
#include "runner_server/model/architectures/read_architecture.h"
#include "runner_server/model/decoder.h"
#include "runner_server/model/encoder.h"
#include "runner_server/model/generation_config.h"
#include "runner_server/model/transformer.h"
#include "runner_server/weights/checkpoint.h"

namespace chorus::runner {
namespace {

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
  ASSIGN_OR_RETURN(const ModelArchitecture model, ReadModelArchitecture(directory));
  const auto& [row, architecture] = model;
  if (absl::Status status = CheckImplemented(architecture); !status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat((directory / "config.json").string(), ": ", status.message()));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Transformer> transformer,
                   LoadWeights(directory, *row, architecture, options));

  LoadedModel loaded{.architecture = row};
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
