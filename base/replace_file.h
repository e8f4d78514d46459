#pragma once

// Writes small files that others read at any time.
//
// Thread safety: a free function without state.

#include <filesystem>
#include <string_view>

#include "absl/status/status.h"

namespace chorus {

// Writes `text` to `path` so that a reader sees all of it or nothing: to PATH.tmp, then renamed.
// UNAVAILABLE says which step failed and why.
absl::Status ReplaceFile(const std::filesystem::path& path, std::string_view text);

}  // namespace chorus
