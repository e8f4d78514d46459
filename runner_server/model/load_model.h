#pragma once

// Loads a model from a Hugging Face directory.
// Thread safety: a free function without state.

#include <climits>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/generation_params.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/language_model.h"
#include "runner_server/model/native_executor.h"
#include "runner_server/model/sequence_encoder.h"

namespace chorus::runner {

struct ModelOptions {
  const Executor* executor = &NativeExecutor();
  // As Executor::Options's.
  std::string device = "cpu";
  double memory_fraction = 0.9;
  bool fixed_shapes = false;
  Precision precision = Precision::kFloat32;
  int num_threads = 1;  // Compute threads, the caller's included. >= 1.
  // Seed. An encoder without a classification head, or with another task's, gets one of random
  // weights, and classifies; other models take no note. Unset: it embeds.
  std::optional<uint64_t> untrained_head;
  // Of an embedder. Unset: as the folder says, else kMean. An encoder with another task's head is
  // one only if it is set.
  std::optional<Pooling> pooling;
  int num_kv_slots = 32;     // Sequences a generator can hold at once. >= 1.
  int64_t max_kv_bytes = 0;  // Cap on a generator's KV cache. 0: none.
  // SHA-256 of the native code that a compiled model may bring (compiled_model.h); empty: none may.
  std::string native_code;
};

struct LoadedModel {
  std::string architecture;  // As config.json names it.
  std::string other_head;    // As ModelArchitecture's.
  AnyModel model;
  // Of a generator, from generation_config.json, or else from config.json (generation_config.h).
  int32_t bos_token_id = -1;              // -1: none.
  std::vector<int32_t> eos_token_ids;     // A text ends at any of them.
  chorus::v1::GenerationParams defaults;  // Of a call, where they give some.
  std::string generation_warning;         // As GenerationConfig's warning.
  // Of an embedder: that it is to read, by the files of sentence-transformers. INT_MAX: they do not
  // say.
  int max_text_tokens = INT_MAX;
};

// Reads config.json, generation_config.json and the weights in `directory`. NOT_FOUND names a
// missing file; INVALID_ARGUMENT names the file and what is wrong (unknown architecture; missing,
// misshapen or non-finite tensors); FAILED_PRECONDITION, which says what to do, for a missing
// classification head, for weights in another format, and for native code that may not or cannot
// run.
absl::StatusOr<LoadedModel> LoadModel(const std::filesystem::path& directory,
                                      const ModelOptions& options);

}  // namespace chorus::runner
