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

// INVALID_ARGUMENT, with the path, if the file, which begins with `beginning`, only stands for what
// should be there: a pointer of Git LFS, or a web page. The message says what to do.
absl::Status CheckIsNoStandIn(const std::filesystem::path& path, std::string_view beginning);

// Reads text as Python does: every kind of line end becomes '\n'.
absl::StatusOr<std::string> ReadModelText(const std::filesystem::path& path);

// Reads a JSON object. Errors give line and column.
absl::StatusOr<nlohmann::json> ReadModelJson(const std::filesystem::path& path);

// Parses JSON as Python's json module does: NaN, Infinity and -Infinity are numbers, as is what a
// double does not hold, which becomes infinite (an integer, too, which Python keeps). Half a
// surrogate pair becomes U+FFFD. Of equal keys the last counts. INVALID_ARGUMENT begins with line
// and column, in characters from 1.
absl::StatusOr<nlohmann::json> ParseModelJson(std::string_view text);

// The value as ASCII JSON, truncated for an error message.
std::string ShownJson(const nlohmann::json& value);

}  // namespace chorus
