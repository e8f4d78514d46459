#pragma once

// The folder that collects the files of one revision during a pull, on the store's disk:
//
//   ROOT/.pull/<name>/lock            held by the process that pulls
//   ROOT/.pull/<name>/part-<owner>/   its files (folder_owner.h)
//   ROOT/.pull/<name>/rest-<owner>/  what an interrupted pull left
//
// The lock only saves a second download. Where it does nothing, as on some network file systems,
// two pulls write to a folder each. The next pull resumes from what was left: it takes over the
// folder of a dead process, and copies from that of an unknown one. Unused folders are removed
// after a week by the next pull.
//
// Thread safety: none.

#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model_store/hub/pull_observer.h"

namespace chorus::store {

class DownloadFolder {
 public:
  // Makes a folder for `name`, or takes over what was left. Blocks while another process has the
  // lock, after calling OnWait once; calls OnNoLocks if the disk has no locks. CANCELLED soon after
  // a stop; else absl::ErrnoToStatus's code, with the path.
  static absl::StatusOr<DownloadFolder> Open(const std::filesystem::path& root,
                                             const std::string& name, PullObserver& observer,
                                             std::stop_token stop);

  DownloadFolder(DownloadFolder&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_fd_(std::exchange(other.lock_fd_, -1)) {}
  DownloadFolder& operator=(DownloadFolder&&) = delete;
  ~DownloadFolder();  // Keeps the files for the next pull.

  // The folder of this process alone.
  const std::filesystem::path& path() const { return path_; }

  // Bytes that this user may still write to its disk.
  absl::StatusOr<int64_t> FreeBytes() const;

  // Removes it with all in it.
  void Remove();

 private:
  DownloadFolder(std::filesystem::path path, int lock_fd)
      : path_(std::move(path)), lock_fd_(lock_fd) {}

  std::filesystem::path path_;  // Empty once removed or moved from.
  int lock_fd_;
};

}  // namespace chorus::store
