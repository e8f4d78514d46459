#pragma once

// Loads a model from a Hugging Face directory.
// Thread safety: a free function without state.

#include <climits>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "base/generation_params.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/architectures/table.h"
#include "runner_server/model/language_model.h"
#include "runner_server/model/sequence_encoder.h"

namespace chorus::runner {

struct ModelOptions {
  Precision precision = Precision::kFloat32;
  int num_threads = 1;  // Compute threads, the caller's included. >= 1.
  // Seed. An encoder without a classification head gets one of random weights, and classifies;
  // unset: it embeds.
  std::optional<uint64_t> untrained_head;
  std::optional<Pooling> pooling;  // Of an embedder. Unset: as the folder says, else kMean.
  int num_kv_slots = 32;           // Sequences a generator can hold at once. >= 1.
  int64_t max_kv_bytes = 0;        // Cap on a generator's KV cache. 0: none.
};

struct LoadedModel {
  const ArchitectureRow* architecture = nullptr;  // Of the table; not null.
  std::variant<std::unique_ptr<LanguageModel>, std::unique_ptr<SequenceEncoder>> model;
  // Of a generator, from generation_config.json, or else from config.json.
  int32_t bos_token_id = -1;              // -1: none.
  std::vector<int32_t> eos_token_ids;     // A text ends at any of them.
  chorus::v1::GenerationParams defaults;  // Of a call, where generation_config.json gives some.
  // Of an embedder: that it is to read, by the folder's files.
  int max_text_tokens = INT_MAX;
};

// Reads config.json, generation_config.json and the weights in `directory`. NOT_FOUND names a
// missing file; INVALID_ARGUMENT names the file and what is wrong (unknown architecture; missing,
// misshapen or non-finite tensors); FAILED_PRECONDITION, which says what to do, for a missing
// classification head and for weights in another format.
absl::StatusOr<LoadedModel> LoadModel(const std::filesystem::path& directory,
                                      const ModelOptions& options);

}  // namespace chorus::runner
