#pragma once

// The store's writes to a disk, each an operation at which a test can inject a failure or a crash.
// When an operation returns OK its data is on the disk; the name of a new file is durable once its
// folder has been synced.
//
// Errors: absl::ErrnoToStatus's code (RESOURCE_EXHAUSTED for a full disk), with the path.
// Thread safety: Real() has no state and may be used from any thread.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::store {

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

  // Its parent must exist. OK if it exists already.
  virtual absl::Status CreateDirectory(const std::filesystem::path& path) = 0;

  // Copies a regular file (links are followed) to a new file. Returns what was copied.
  virtual absl::StatusOr<FileDigest> CopyFile(const std::filesystem::path& from,
                                              const std::filesystem::path& to) = 0;

  // A new file. ALREADY_EXISTS if there is one.
  virtual absl::Status WriteFile(const std::filesystem::path& path, std::string_view contents) = 0;

  virtual absl::Status SyncDirectory(const std::filesystem::path& path) = 0;

  // Atomic; both paths on one file system.
  virtual absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to,
                              RenameMode mode) = 0;
};

absl::StatusOr<FileDigest> DigestFile(const std::filesystem::path& path);

}  // namespace chorus::store
