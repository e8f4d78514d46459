#include "model_store/scratch_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model_store/folder_owner.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

// Whether it is a folder, not a link to one, and this user's.
bool IsOwn(const fs::path& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid();
}

}  // namespace

absl::StatusOr<ScratchDirectory> ScratchDirectory::Create(const fs::path& parent,
                                                          std::string_view prefix) {
  for (;;) {
    fs::path path = parent / NameOwnedFolder(prefix);
    if (::mkdir(path.c_str(), 0700) == 0) return ScratchDirectory(std::move(path));
    if (errno != EEXIST) {
      return absl::ErrnoToStatus(errno,
                                 absl::StrCat("cannot create a folder in ", parent.native()));
    }
  }
}

int ScratchDirectory::SweepStale(const fs::path& parent, std::string_view prefix,
                                 absl::Duration quiet) {
  std::vector<fs::path> candidates;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (IsOwnedFolderName(it->path().filename().native(), prefix)) candidates.push_back(it->path());
  }
  int num_removed = 0;
  for (const fs::path& path : candidates) {
    if (!IsOwn(path) || !IsAbandoned(path, prefix, quiet)) continue;
    fs::remove_all(path, error);
    if (!error) ++num_removed;
  }
  return num_removed;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace chorus::store
