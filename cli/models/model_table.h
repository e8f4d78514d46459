#pragma once

// Formats models for `chorus models`, as text and as JSON.
//
// Pure. Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <vector>

#include "model_store/manifest.h"

namespace chorus {

// A table with the columns TAG, SIZE, ARCHITECTURE and CREATED (UTC), and a heading.
std::string FormatModelTable(const std::vector<store::Manifest>& models);

// A JSON array of {"tag", "size_bytes", "task", "architecture", "created"}.
std::string FormatModelsJson(const std::vector<store::Manifest>& models);

// One model in full, with its files.
std::string FormatModel(const store::Manifest& model, const std::filesystem::path& directory);

}  // namespace chorus
