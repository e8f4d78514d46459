#pragma once

// Reads a Hugging Face model folder as far as the store needs: the files of the model, and its
// architecture. The folder is untrusted.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus::store {

// The names of the files to store, sorted: the regular files of the folder, links followed (the
// Hugging Face cache consists of them), without hidden files and manifest.json. NOT_FOUND without
// folder or config.json; INVALID_ARGUMENT for a name that is not UTF-8.
absl::StatusOr<std::vector<std::string>> ListModelFiles(const std::filesystem::path& directory);

struct ModelDescription {
  std::string architecture;  // The first of config.json's "architectures"; empty if it names none.
  std::string task;          // "generate", "classify", or empty.
};

// INVALID_ARGUMENT when config.json is not a JSON object.
absl::StatusOr<ModelDescription> DescribeModel(const std::filesystem::path& directory);

}  // namespace chorus::store
