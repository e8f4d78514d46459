#pragma once

// Gzipped tar archives. The reader takes untrusted bytes: it accepts regular files whose names stay
// below their folder, each once and within limits, and refuses everything else.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace chorus {

struct ArchiveFile {
  std::string name;  // In the archive.
  std::filesystem::path path;
};

// Writes a new file, whole or not at all, and nothing beside it, also when the process is killed.
// Deterministic: the same files and `time` give the same bytes. ALREADY_EXISTS; RESOURCE_EXHAUSTED
// for a full disk.
absl::Status WriteArchive(const std::vector<ArchiveFile>& files, absl::Time time,
                          const std::filesystem::path& archive);

struct ArchiveLimits {
  int64_t max_files = 100'000;
  int64_t max_file_bytes = int64_t{64} << 30;
  int64_t max_total_bytes = int64_t{1} << 40;  // Unpacked.
};

// Receives each file in pieces, the first one empty. An error ends the reading.
using ArchiveVisitor =
    absl::FunctionRef<absl::Status(const std::string& name, std::string_view piece)>;

// INVALID_ARGUMENT names the entry that is refused, or says that the archive is damaged.
absl::Status ReadArchive(std::string_view bytes, const ArchiveLimits& limits, ArchiveVisitor visit);

// Unpacks into `directory`, which must be empty and private, and syncs each file. Errors as
// ReadArchive, and if the archive cannot be opened; `directory` is then partly filled.
absl::Status ExtractArchive(const std::filesystem::path& archive, const ArchiveLimits& limits,
                            const std::filesystem::path& directory);

}  // namespace chorus
