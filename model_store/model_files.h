#pragma once

// Reads a Hugging Face model folder as far as the store needs: the files of the model, and what the
// manifest says of it. The folder is untrusted.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus::store {

// The names of the files to store, sorted: those of the folder and of its modules' folders
// (IsModelFileName), links followed (the Hugging Face cache consists of them), without hidden files
// and manifest.json.
// NOT_FOUND without folder or config.json; INVALID_ARGUMENT for a name that is not IsPrintable.
absl::StatusOr<std::vector<std::string>> ListModelFiles(const std::filesystem::path& directory);

struct ModelDescription {
  // The first of config.json's "architectures", IsPrintable; empty if it names none.
  std::string architecture;
  std::string task;  // "generate", "classify", "embed", or empty.
};

// INVALID_ARGUMENT when config.json is not a JSON object.
absl::StatusOr<ModelDescription> DescribeModel(const std::filesystem::path& directory);

struct WeightsDescription {
  int64_t num_parameters = 0;  // Elements of the floating-point tensors, as the files hold them.
  std::string dtype;           // The type that most of them have: "float32", "bfloat16", ….
};

// Reads the headers of the weights. Errors as those of opening them.
absl::StatusOr<WeightsDescription> DescribeWeights(const std::filesystem::path& directory);

// The licence that the model card, README.md, names at its beginning: "mit"; IsPrintable. Empty if
// there is no card, or it names none.
std::string LicenceOf(const std::filesystem::path& directory);

}  // namespace chorus::store
