#pragma once

// What a model folder says of how its makers generate with it: its generation_config.json or, as
// transformers has it, its config.json without that.
//
// Thread safety: a plain value and a function without state.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/generation_params.h"

namespace chorus::runner {

struct GenerationConfig {
  // Unset where the file is silent: config.json counts then.
  std::optional<int32_t> bos_token_id;  // -1: past the vocabulary, so none.
  // Those in the vocabulary; none where generation_config.json is silent. Unset: config.json
  // counts.
  std::optional<std::vector<int32_t>> eos_token_ids;
  // Of do_sample, temperature, top_k, top_p, min_p and repetition_penalty what is given: the
  // defaults of a call. Lengths are the server's to choose, and not taken.
  chorus::v1::GenerationParams defaults;
  // Begins with the path, and names what changes texts and is not followed, and values that are out
  // of range. Empty: none.
  std::string warning;
};

// All unset if neither file is there. INVALID_ARGUMENT begins with the path, and names the value
// of the wrong type, or the repetition_penalty out of range, with which transformers does not
// generate either.
absl::StatusOr<GenerationConfig> ReadGenerationConfig(const std::filesystem::path& folder,
                                                      int vocab_size);

// The warning of a generator's folder. Empty of other models, and of one that cannot be loaded.
std::string GenerationWarning(const std::filesystem::path& folder);

}  // namespace chorus::runner
