#pragma once

// A temporary folder that its process owns by an flock on the folder itself. It goes with the
// object; if the process dies first, the next SweepStale finds it unlocked and removes it. A folder
// in use is never swept, by whichever process, whatever its age.
//
// Thread safety: none. A child that keeps the process's descriptors open keeps the lock; ours close
// on exec.

#include <filesystem>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus {

class ScratchDirectory {
 public:
  // Makes `parent`/`prefix`<8 random hexadecimal digits>, readable by its owner only. `parent` must
  // exist. Errors: absl::ErrnoToStatus's code, with the path.
  static absl::StatusOr<ScratchDirectory> Create(const std::filesystem::path& parent,
                                                 std::string_view prefix);

  // Removes the folders in `parent` that Create named with this prefix, that are this user's, and
  // whose process has died; says how many. Failures leave the folder to the next sweep.
  static int SweepStale(const std::filesystem::path& parent, std::string_view prefix);

  ScratchDirectory(ScratchDirectory&& other) noexcept;
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();  // Removes the folder with all in it.

  const std::filesystem::path& path() const { return path_; }

 private:
  static bool IsName(std::string_view name, std::string_view prefix);

  ScratchDirectory(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::filesystem::path path_;
  int fd_;  // Of the folder; holds the lock. -1 once moved from.
};

}  // namespace chorus
