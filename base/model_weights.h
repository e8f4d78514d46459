#pragma once

// The weights of a model folder: which files hold them. Other formats are recognised by file name,
// so that the error can say how to convert them.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/weights_index.h"

namespace chorus {

struct ModelWeights {
  std::filesystem::path path;                // Of the only file, or of the index of several.
  std::vector<std::filesystem::path> files;  // Each of them is there.
  WeightsIndex index;                        // Empty without one.
};

// In the order in which transformers looks: model.safetensors, or its shards with their index, then
// pytorch_model.bin likewise.
// FAILED_PRECONDITION names the format that is there instead, and how to convert it; NOT_FOUND if
// there are no weights, or a shard is missing; the errors of CheckIsNoStandIn and ReadWeightsIndex.
// Errors begin with the folder. `architecture` is config.json's, or empty.
absl::StatusOr<ModelWeights> FindModelWeights(const std::filesystem::path& folder,
                                              std::string_view architecture);

// NOT_FOUND, of a folder without config.json: what is there in a model's place, and what to do.
absl::Status NoConfigError(const std::filesystem::path& folder);

// Whether a file's name is that of weights, in any form.
bool IsWeightsFile(const std::filesystem::path& file);

}  // namespace chorus
