#pragma once

// What a model folder's generation_config.json says: how its makers generate with it.
//
// Thread safety: a plain value and a function without state.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/generation_params.h"

namespace chorus::runner {

struct GenerationConfig {
  // Unset where the file is silent: config.json counts then.
  std::optional<int32_t> bos_token_id;                // -1: past the vocabulary, so none.
  std::optional<std::vector<int32_t>> eos_token_ids;  // Those in the vocabulary.
  // Of do_sample, temperature, top_k, top_p, min_p and repetition_penalty what is given: the
  // defaults of a call. Lengths are the server's to choose, and not taken.
  chorus::v1::GenerationParams defaults;
};

// All unset if there is no such file. INVALID_ARGUMENT begins with the path, and names the value
// that is out of range or of the wrong type.
absl::StatusOr<GenerationConfig> ReadGenerationConfig(const std::filesystem::path& folder,
                                                      int vocab_size);

}  // namespace chorus::runner
