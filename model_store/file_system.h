#pragma once

// The changes the store makes to a disk, each one an operation that a test can make fail or at
// which it can end the process. When an operation has returned OK its data is on the disk; the name
// of a new file is there once its folder has been synced.
//
// Errors: absl::ErrnoToStatus's code (RESOURCE_EXHAUSTED for a full disk), with the path.
// Thread safety: the real one has no state.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

struct FileDigest {
  int64_t size_bytes = 0;
  std::string sha256;
};

enum class RenameMode {
  kNoReplace,  // ALREADY_EXISTS if the target is there.
  kReplace,    // A file takes the place of a file.
  kExchange,   // Both exist and change places, in one step where the file system can (NFS cannot).
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // The machine's own.
  static FileSystem& Real();

  // Its parent must exist; OK if it is there already.
  virtual absl::Status CreateDirectory(const std::filesystem::path& path) = 0;

  // Copies a regular file's bytes (links are followed) to a new file, and says what was copied.
  virtual absl::StatusOr<FileDigest> CopyFile(const std::filesystem::path& from,
                                              const std::filesystem::path& to) = 0;

  // A new file. ALREADY_EXISTS if there is one.
  virtual absl::Status WriteFile(const std::filesystem::path& path, std::string_view contents) = 0;

  virtual absl::Status SyncDirectory(const std::filesystem::path& path) = 0;

  // Atomic; both paths on one file system.
  virtual absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to,
                              RenameMode mode) = 0;
};

// Reads at most `max_bytes`; a larger file is an INVALID_ARGUMENT, so that no size in an untrusted
// folder fills the memory.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, int64_t max_bytes);

// Hands the bytes of a regular file to `sink` piece by piece; an error of the sink's ends it. A
// FIFO or the like is refused, not waited for.
absl::Status ReadPieces(const std::filesystem::path& path,
                        absl::FunctionRef<absl::Status(std::string_view piece)> sink);

absl::StatusOr<FileDigest> DigestFile(const std::filesystem::path& path);

}  // namespace chorus
