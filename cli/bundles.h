#pragma once

// `chorus list`, `get`, `delete`, `export` and `import`: the bundles in the store.

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace chorus {

// `output` is "table" or "json".
absl::Status ListBundles(const std::string& output);

// `output` is "yaml" (bundle.yaml), "json" (the same in proto3's JSON form) or "path".
absl::Status GetBundle(const std::string& tag, const std::string& output);

// Asks on the terminal first unless `yes`.
absl::Status DeleteBundle(const std::string& tag, bool yes);

absl::Status ExportBundleTo(const std::string& tag, const std::filesystem::path& to);

absl::Status ImportBundleFrom(const std::filesystem::path& archive);

}  // namespace chorus
