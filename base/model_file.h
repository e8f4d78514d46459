#pragma once

// Reads the small files of a model folder. They are untrusted: sizes and depths are bounded, text
// is checked to be UTF-8, and no exception comes out.
//
// Errors begin with the path. NOT_FOUND if there is no such file, INVALID_ARGUMENT if it is not
// what it should be, UNAVAILABLE if it cannot be read.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

// Several times the largest tokenizer.json there is.
inline constexpr uint64_t kMaxModelFileBytes = uint64_t{64} << 20;

// How Python reads text: line ends of every system become '\n'.
absl::StatusOr<std::string> ReadModelText(const std::filesystem::path& path);

// A JSON object. An error in it is told with line and column.
absl::StatusOr<nlohmann::json> ReadModelJson(const std::filesystem::path& path);

// Any JSON, and what Python's json module writes beside it: NaN, Infinity and -Infinity, which
// become numbers that are not finite. Of equal keys the last counts. INVALID_ARGUMENT begins with
// line and column, counted in characters from 1.
absl::StatusOr<nlohmann::json> ParseModelJson(std::string_view text);

// The value as a file would have it, in ASCII, cut to be short enough for a message.
std::string ShownJson(const nlohmann::json& value);

}  // namespace chorus
