#pragma once

// Where the files of one revision gather during a pull, below ROOT/.pull on the store's disk. One
// process at a time has it. What an interrupted pull leaves there is what the next one goes on
// from; left alone for a week, it is removed by the next pull of anything.
//
// Thread safety: none. A child that keeps the process's descriptors open keeps the folder; ours
// close on exec.

#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

class DownloadFolder {
 public:
  // Makes the folder ROOT/.pull/`name` and what is above it, or takes what is there. While another
  // process has it, calls `on_wait` once and waits. CANCELLED soon after a stop; else
  // absl::ErrnoToStatus's code, with the path.
  static absl::StatusOr<DownloadFolder> Open(const std::filesystem::path& root,
                                             const std::string& name, std::stop_token stop,
                                             absl::FunctionRef<void()> on_wait);

  DownloadFolder(DownloadFolder&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  DownloadFolder& operator=(DownloadFolder&&) = delete;
  ~DownloadFolder();  // Lets go of the folder, which stays.

  const std::filesystem::path& path() const { return path_; }

  // Bytes that this user may still write to its disk.
  absl::StatusOr<int64_t> FreeBytes() const;

  // Removes it with all in it.
  void Remove();

 private:
  DownloadFolder(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::filesystem::path path_;
  int fd_;  // Of the folder; holds the lock. -1 once moved from.
};

}  // namespace chorus
