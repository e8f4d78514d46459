#pragma once

// A temporary folder named after its process (folder_owner.h) and removed with the object; if the
// process dies first, the next SweepStale removes it. A folder in use is never swept, whatever its
// age and whether or not its disk has locks.
//
// Thread safety: none.

#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace chorus::store {

class ScratchDirectory {
 public:
  // Makes a folder in `parent` whose name begins with `prefix`, readable by its owner only.
  // `parent` must exist. Errors: absl::ErrnoToStatus's code, with the path.
  static absl::StatusOr<ScratchDirectory> Create(const std::filesystem::path& parent,
                                                 std::string_view prefix);

  // Removes the folders in `parent` that Create named with this prefix, that are this user's, and
  // whose process is dead; returns how many. Folders of other machines or containers go when
  // nothing in them has changed for `quiet`. Failures leave a folder to the next sweep.
  static int SweepStale(const std::filesystem::path& parent, std::string_view prefix,
                        absl::Duration quiet = absl::Hours(24));

  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();  // Removes the folder and its content.

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;  // Empty once moved from.
};

}  // namespace chorus::store
