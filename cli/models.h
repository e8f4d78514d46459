#pragma once

// `chorus models`: the models in the store.

#include <string>

#include "absl/status/status.h"

namespace chorus {

// `output` is "table" or "json".
absl::Status ListModels(const std::string& output);

struct GetModelOptions {
  std::string tag;
  std::string output = "text";  // Or "json", or "path".
  bool verify = false;          // Hashes the files first.
};

absl::Status GetModel(const GetModelOptions& options);

struct DeleteModelOptions {
  std::string tag;
  bool yes = false;    // Does not ask on the terminal first.
  bool force = false;  // Also a model that bundles pin.
};

// FAILED_PRECONDITION names the bundles that pin the model.
absl::Status DeleteModel(const DeleteModelOptions& options);

// Brings the demo models back that were deleted. NOT_FOUND where Chorus was installed without them.
absl::Status RestoreModels();

}  // namespace chorus
