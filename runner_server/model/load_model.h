#pragma once

// Loads a model from a Hugging Face directory.

#include <filesystem>
#include <memory>
#include <variant>

#include "absl/status/statusor.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/model/architectures/table.h"
#include "runner_server/model/language_model.h"
#include "runner_server/model/sequence_classifier.h"

namespace chorus::runner {

struct ModelOptions {
  Precision precision = Precision::kFloat32;
  int num_threads = 1;       // Compute threads, the caller's included. >= 1.
  int num_kv_slots = 32;     // Sequences a generator can hold at once. >= 1.
  int64_t max_kv_bytes = 0;  // Of a generator's KV cache. 0: what its slots can hold.
};

struct LoadedModel {
  const ArchitectureRow* architecture = nullptr;  // Of the table; not null.
  std::variant<std::unique_ptr<LanguageModel>, std::unique_ptr<SequenceClassifier>> model;
  int32_t bos_token_id = -1;  // Of a generator, from config.json; -1 for a classifier.
  int32_t eos_token_id = -1;  // Likewise.
};

// Reads config.json and model.safetensors in `directory`. NOT_FOUND names a missing file;
// INVALID_ARGUMENT says what in which file is wrong (architecture not known, tensors missing,
// unexpected, of the wrong shape or with values that are not finite in the precision, each named);
// FAILED_PRECONDITION for a model without the classification head of its kind, and for weights in
// another form, and says what to do.
absl::StatusOr<LoadedModel> LoadModel(const std::filesystem::path& directory,
                                      const ModelOptions& options);

}  // namespace chorus::runner
