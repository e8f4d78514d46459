#pragma once

// Reads a Hugging Face model folder as far as the store needs to: which files make the model, and
// what config.json calls it. Everything in the folder is untrusted.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus {

// The names of the files to store, sorted: every regular file at the top of the folder (links are
// followed, as the Hugging Face cache is made of them). Folders, hidden files and a manifest.json
// are left out. NOT_FOUND when there is no such folder or no config.json in it; INVALID_ARGUMENT
// for a name that is not UTF-8.
absl::StatusOr<std::vector<std::string>> ListModelFiles(const std::filesystem::path& directory);

struct ModelDescription {
  std::string architecture;  // The first of config.json's "architectures"; empty if it names none.
  std::string task;          // "generate", "classify", or empty.
};

// INVALID_ARGUMENT when config.json is not a JSON object.
absl::StatusOr<ModelDescription> DescribeModel(const std::filesystem::path& directory);

}  // namespace chorus
