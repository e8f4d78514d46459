#pragma once

// `chorus models`: what is in the store.

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

}  // namespace chorus
