#pragma once

// Reads files, of which none fills the memory.
//
// Errors begin with the path: absl::ErrnoToStatus's code, such as NOT_FOUND, if it cannot be read,
// INVALID_ARGUMENT if it is not a file or larger than it may be.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

// The bytes of a regular file, at most `max_bytes`. A FIFO or the like is refused, not waited for.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, int64_t max_bytes);

// The same of a pipe too, such as a shell's <(...), or a terminal: waits for its end.
absl::StatusOr<std::string> ReadFileOrPipe(const std::filesystem::path& path, int64_t max_bytes);

// Hands the bytes of a regular file to `sink` piece by piece; an error of the sink's ends it.
absl::Status ReadPieces(const std::filesystem::path& path,
                        absl::FunctionRef<absl::Status(std::string_view piece)> sink);

}  // namespace chorus
