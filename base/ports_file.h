#pragma once

// Tells whoever started the process where it listens.
//
// Thread safety: a free function without state.

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace chorus {

// Writes `text` to `path` so that a reader sees all of it or nothing: to PATH.tmp, then renamed.
// UNAVAILABLE says which step failed and why.
absl::Status WritePortsFile(const std::filesystem::path& path, std::string_view text);

// `address` with `port` in place of the one it names ("127.0.0.1:0", 8080 -> "127.0.0.1:8080"). A
// unix: address stays as it is.
std::string WithPort(std::string_view address, int port);

}  // namespace chorus
