#pragma once

// A file of a hub that is being downloaded.
//
// Thread safety: none.
// Errors, besides those named at each method: absl::ErrnoToStatus's code (RESOURCE_EXHAUSTED for a
// full disk), with the path.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model_store/hub/hub_listing.h"
#include "model_store/manifest.h"

namespace chorus::store {

class PartialFile {
 public:
  // Resumes what an earlier pull left at `path`, unless that is larger than the file.
  static absl::StatusOr<std::unique_ptr<PartialFile>> Open(const std::filesystem::path& path,
                                                           const HubFile& file);
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile();

  const HubFile& file() const { return file_; }
  int64_t size_bytes() const { return size_bytes_; }
  bool is_complete() const { return size_bytes_ == file_.size_bytes; }

  // DATA_LOSS, and nothing is appended, if it would exceed the file's size.
  absl::Status Append(std::string_view bytes);

  // Truncates to nothing.
  absl::Status Restart();

  // Call when complete: syncs, reads the file back, and compares it with the hub's size and hash.
  // DATA_LOSS if one differs.
  absl::StatusOr<ManifestFile> Finish();

 private:
  PartialFile(const std::filesystem::path& path, const HubFile& file, int fd);
  absl::Status Error(const char* what) const;

  const std::filesystem::path path_;
  const HubFile file_;
  const int fd_;
  int64_t size_bytes_ = 0;
};

}  // namespace chorus::store
