#pragma once

// Reads the small files of a model folder. They are untrusted: sizes and depths are bounded, text
// is checked to be UTF-8, and no exception comes out.
//
// Errors begin with the path: read_file.h's, and INVALID_ARGUMENT if it is not what it should be.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

// Reads text as Python does: every kind of line end becomes '\n'.
absl::StatusOr<std::string> ReadModelText(const std::filesystem::path& path);

// Reads a JSON object. Errors give line and column.
absl::StatusOr<nlohmann::json> ReadModelJson(const std::filesystem::path& path);

// Parses JSON and the extensions of Python's json module: NaN, Infinity and -Infinity become
// non-finite numbers. Of equal keys the last counts. INVALID_ARGUMENT begins with line and column,
// in characters from 1.
absl::StatusOr<nlohmann::json> ParseModelJson(std::string_view text);

// The value as ASCII JSON, truncated for an error message.
std::string ShownJson(const nlohmann::json& value);

}  // namespace chorus
