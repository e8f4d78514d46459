#pragma once

// `chorus build`: a bundle from a chorusfile.yaml.

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace chorus {

struct BuildOptions {
  std::filesystem::path directory = ".";
  std::filesystem::path file = "chorusfile.yaml";  // Relative to `directory`.
  std::string version;         // Empty: made from the content, so the same content has the same.
  std::string chorus_version;  // Of this program.
};

// Saves the bundle, makes it the latest of its name, and says what to do with it. Errors name the
// file, line and field that is wrong.
absl::Status Build(const BuildOptions& options);

}  // namespace chorus
