#include "runner_server/model/load_model.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/model_weights.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/model/architectures/read_architecture.h"
#include "runner_server/model/checkpoint_weights.h"
#include "runner_server/model/compiled_model.h"
#include "runner_server/model/dtype.h"
#include "runner_server/model/generation_config.h"
#include "runner_server/model/sentence_modules.h"
#include "runner_server/weights/checkpoint.h"

namespace chorus::runner {
namespace {

// Makes a classifier's architecture that of an embedder.
absl::Status MakeEmbedder(const std::filesystem::path& directory, const ModelOptions& options,
                          Architecture& architecture, LoadedModel& loaded) {
  ASSIGN_OR_RETURN(const std::optional<SentenceModules> found,
                   ReadSentenceModules(directory, architecture.hidden_size));
  SentenceModules modules = found.value_or(SentenceModules{});
  loaded.max_text_tokens = modules.max_text_tokens;
  modules.head.pooling = options.pooling.value_or(modules.head.pooling);
  architecture.head = std::move(modules.head);
  architecture.names.pooler = architecture.names.base_pooler;
  architecture.names.pooler_norm.clear();
  architecture.biases.pooler = true;
  if (options.pooling == Pooling::kPooler && architecture.names.pooler.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", loaded.architecture, " has no pooler: its pooling is mean or cls"));
  }
  return absl::OkStatus();
}

// Gives an encoder the head that it is to have: its own, an untrained one, or an embedder's.
absl::Status ChooseHead(const std::filesystem::path& directory, const ModelOptions& options,
                        const Checkpoint& checkpoint, ModelArchitecture& model,
                        LoadedModel& loaded) {
  if (!model.other_head.empty()) {
    if (options.untrained_head.has_value()) {
      auto& untrained = std::get<ClassificationHead>(model.architecture.head);
      untrained.untrained_seed = options.untrained_head;
      untrained.draws_scores = true;
      return absl::OkStatus();
    }
    if (!options.pooling.has_value()) return CheckHead(directory, model);
    return MakeEmbedder(directory, options, model.architecture, loaded);
  }
  const std::string head = model.architecture.names.head + ".weight";
  const bool has_head =
      std::any_of(checkpoint.tensors().begin(), checkpoint.tensors().end(),
                  [&](const StoredTensor& tensor) { return tensor.name == head; });
  const bool is_headless = model.row->is_headless || (!model.is_named && !has_head);
  if (has_head && (!is_headless || options.untrained_head.has_value())) return absl::OkStatus();
  if (options.untrained_head.has_value()) {
    std::get<ClassificationHead>(model.architecture.head).untrained_seed = options.untrained_head;
    return absl::OkStatus();
  }
  if (is_headless) return MakeEmbedder(directory, options, model.architecture, loaded);
  return absl::FailedPreconditionError(absl::StrCat(
      checkpoint.path().string(), ": this model has no classification head (no tensor ", head,
      "), ", WhatToDoWithoutHead(*model.row)));
}

// Adds the files of layers that have files of their own.
absl::Status AddDenseLayers(const std::filesystem::path& directory, const Head& head,
                            Checkpoint& checkpoint) {
  const auto* embedder = std::get_if<EmbeddingHead>(&head);
  if (embedder == nullptr) return absl::OkStatus();
  for (const DenseLayer& dense : embedder->dense) {
    ASSIGN_OR_RETURN(const ModelWeights files, FindModelWeights(directory / dense.name, ""));
    RETURN_IF_ERROR(checkpoint.Add(files, dense.name + "."));
  }
  return absl::OkStatus();
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

// What the executor is told.
Executor::Options ExecutionOf(const ModelOptions& options) {
  return {.precision = options.precision,
          .num_threads = options.num_threads,
          .num_kv_slots = options.num_kv_slots,
          .max_kv_bytes = options.max_kv_bytes,
          .device = options.device,
          .memory_fraction = options.memory_fraction,
          .fixed_shapes = options.fixed_shapes};
}

// What belongs to a generator's texts.
absl::Status ReadTexts(const std::filesystem::path& directory, int vocab_size, const Head& head,
                       LoadedModel& loaded) {
  ASSIGN_OR_RETURN(GenerationConfig generation, ReadGenerationConfig(directory, vocab_size));
  const auto& model = std::get<LanguageModelHead>(head);
  loaded.bos_token_id = generation.bos_token_id.value_or(model.bos_token_id);
  loaded.eos_token_ids = generation.eos_token_ids.value_or(model.eos_token_ids);
  loaded.defaults = std::move(generation.defaults);
  loaded.generation_warning = std::move(generation.warning);
  return absl::OkStatus();
}

absl::StatusOr<LoadedModel> LoadCompiled(const std::filesystem::path& directory,
                                         const CompiledModel& model, const ModelOptions& options) {
  if (options.precision != model.precision) {
    return absl::InvalidArgumentError(
        absl::StrCat(model.file.string(), " was compiled in ", AbslView(DtypeName(model.precision)),
                     ", not in ", AbslView(DtypeName(options.precision))));
  }
  RETURN_IF_ERROR(CheckNativeCode(model, options.native_code));
  ASSIGN_OR_RETURN(const ModelWeights files, FindModelWeights(directory, model.architecture));
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(files));
  LoadedModel loaded{.architecture = model.architecture, .max_text_tokens = model.max_text_tokens};
  if (model.decoder.has_value()) {
    RETURN_IF_ERROR(ReadTexts(directory, model.vocab_size, model.decoder->head, loaded));
  }
  ASSIGN_OR_RETURN(loaded.model, options.executor->OpenCompiled(model, checkpoint.tensors(),
                                                                ExecutionOf(options)));
  return loaded;
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const std::filesystem::path& directory,
                                      const ModelOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(const std::optional<CompiledModel> compiled,
                   ReadCompiledModel(directory, options.pooling));
  if (compiled.has_value()) return LoadCompiled(directory, *compiled, options);
  ASSIGN_OR_RETURN(ModelArchitecture model, ReadModelArchitecture(directory));
  const Architecture& architecture = model.architecture;
  ASSIGN_OR_RETURN(const ModelWeights files, FindModelWeights(directory, model.row->name));
  ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(files));
  LoadedModel loaded{.architecture = std::string(model.row->name), .other_head = model.other_head};
  if (std::holds_alternative<ClassificationHead>(architecture.head)) {
    RETURN_IF_ERROR(ChooseHead(directory, options, checkpoint, model, loaded));
    RETURN_IF_ERROR(AddDenseLayers(directory, architecture.head, checkpoint));
  }
  ASSIGN_OR_RETURN(const CheckpointWeights weights,
                   CheckpointWeights::Create(architecture, checkpoint));
  const Executor::Options execution = ExecutionOf(options);

  if (architecture.generates()) {
    RETURN_IF_ERROR(ReadTexts(directory, architecture.vocab_size, architecture.head, loaded));
    ASSIGN_OR_RETURN(loaded.model,
                     options.executor->MakeGenerator(architecture, weights, execution));
  } else {
    ASSIGN_OR_RETURN(loaded.model, options.executor->MakeEncoder(architecture, weights, execution));
  }
  RETURN_IF_ERROR(weights.CheckValues());
  return loaded;
}

}  // namespace chorus::runner
