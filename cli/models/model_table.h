#pragma once

// Formats models for `chorus models`: as text, JSON and YAML.
//
// Pure. Thread safety: free functions without state.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model_store/manifest.h"

namespace chorus {

// A table with the columns TAG, SIZE, ARCHITECTURE, DTYPE, PARAMETERS and CREATED (UTC), and a
// heading.
std::string FormatModelTable(const std::vector<store::Manifest>& models);

// An array with an object a model: "tag", "size_bytes", "task", "architecture", "created", and, if
// they are known, "dtype", "parameters", "licence", "labels" and "source".
nlohmann::ordered_json ToJsonArray(const std::vector<store::Manifest>& models);

// One model in full, with its files.
std::string FormatModel(const store::Manifest& model, const std::filesystem::path& directory);

}  // namespace chorus
