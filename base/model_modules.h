#pragma once

// The steps by which sentence-transformers makes a vector of a text, as modules.json of a model
// folder lists them. Each may have a folder of its own in that. Untrusted.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus {

struct ModelModule {
  std::string kind;    // Such as "Pooling".
  std::string folder;  // As it is written there; empty: the model folder itself.
};

// Whether a module that Chorus reads may lie in a folder of this name, such as "1_Pooling".
bool IsModuleFolder(std::string_view name);

// In their order; none without a modules.json. INVALID_ARGUMENT, with the file, if it is malformed.
absl::StatusOr<std::vector<ModelModule>> ReadModelModules(const std::filesystem::path& folder);

// The folder with the config.json, weights and vocabulary of a model folder: itself, or as early
// versions of sentence-transformers wrote it, its 0_Transformer.
std::filesystem::path TransformerFolder(const std::filesystem::path& folder);

}  // namespace chorus
