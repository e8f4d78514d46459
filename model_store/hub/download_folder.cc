#include "model_store/hub/download_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/string_view.h"
#include "model_store/folder_owner.h"
#include "model_store/hub/retry_policy.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

constexpr char kParent[] = ".pull";
constexpr char kLock[] = "lock";
constexpr char kPartPrefix[] = "part-";
constexpr char kRestPrefix[] = "rest-";
constexpr char kStalePrefix[] = "stale-";
constexpr absl::Duration kStaleAge = absl::Hours(7 * 24);
constexpr absl::Duration kQuiet = absl::Hours(24);  // Longer than any pull that lives is silent.
constexpr absl::Duration kLockInterval = absl::Milliseconds(200);

absl::Status Error(const char* what, const fs::path& path, int error = errno) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path.native()));
}

std::vector<fs::path> FoldersIn(const fs::path& parent) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->symlink_status(ignored).type() == fs::file_type::directory) {
      folders.push_back(it->path());
    }
  }
  return folders;
}

bool HasPrefix(const fs::path& folder, std::string_view prefix) {
  return IsOwnedFolderName(folder.filename().native(), prefix);
}

// The files' sizes; a folder has no others.
int64_t BytesIn(const fs::path& folder) {
  int64_t num_bytes = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const uintmax_t size = it->file_size(ignored);
    if (!ignored) num_bytes += static_cast<int64_t>(size);
  }
  return num_bytes;
}

// --- Locking. ---

struct Lock {
  int fd = -1;
  bool busy = false;     // Another process has it.
  bool removed = false;  // With its folder, or from it.
  absl::Status error;    // It cannot be locked; `fd` is open all the same where it could be opened.
};

Lock TryLock(const fs::path& path) {
  Lock lock;
  lock.fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (lock.fd < 0) {
    lock.removed = errno == ENOENT;
    lock.error = Error("open", path);
    return lock;
  }
  if (::flock(lock.fd, LOCK_EX | LOCK_NB) != 0) {
    lock.busy = errno == EWOULDBLOCK;
    lock.error = Error("lock", path);
    return lock;
  }
  struct stat opened, named;
  lock.removed = ::fstat(lock.fd, &opened) != 0 || ::lstat(path.c_str(), &named) != 0 ||
                 opened.st_ino != named.st_ino || opened.st_dev != named.st_dev;
  return lock;
}

// --- What was left. ---

// Renames the folder left by a dead pull in `folder` to `own`: the fullest if there are several;
// removes the others. The rename lets exactly one process win.
bool TakeOver(const fs::path& folder, const fs::path& own) {
  std::vector<fs::path> left;
  for (const fs::path& part : FoldersIn(folder)) {
    if (HasPrefix(part, kRestPrefix) ||
        (HasPrefix(part, kPartPrefix) &&
         OwnerOf(part.filename().native(), kPartPrefix) == FolderOwner::kGone)) {
      left.push_back(part);
    }
  }
  std::ranges::sort(left, std::ranges::greater(), BytesIn);
  bool taken = false;
  for (const fs::path& part : left) {
    const fs::path mine = taken ? folder / NameOwnedFolder(kPartPrefix) : own;
    if (::rename(part.c_str(), mine.c_str()) != 0) continue;
    std::error_code ignored;
    if (std::exchange(taken, true)) fs::remove_all(mine, ignored);
  }
  return taken;
}

// Copies into `own` the files of processes that may be alive elsewhere. Copies may be torn; a file
// counts only if its hash is right.
void CopyFromOthers(const fs::path& folder, const fs::path& own, std::stop_token stop) {
  std::vector<fs::path> others;
  for (const fs::path& part : FoldersIn(folder)) {
    if (HasPrefix(part, kPartPrefix) &&
        OwnerOf(part.filename().native(), kPartPrefix) == FolderOwner::kElsewhere) {
      others.push_back(part);
    }
  }
  const auto fullest = std::ranges::max_element(others, {}, BytesIn);
  if (fullest == others.end()) return;
  std::error_code error;
  for (fs::directory_iterator it(*fullest, error), end; !error && it != end; it.increment(error)) {
    if (stop.stop_requested()) return;
    std::error_code ignored;
    if (it->symlink_status(ignored).type() != fs::file_type::regular) continue;
    fs::copy_file(it->path(), own / it->path().filename(), ignored);
  }
  for (const fs::path& part : others) {
    if (IsAbandoned(part, kPartPrefix, kQuiet)) fs::remove_all(part, error);
  }
}

// --- What nobody wants. ---

bool IsStale(const fs::path& folder) {
  for (const fs::path& part : FoldersIn(folder)) {
    if (HasPrefix(part, kPartPrefix) &&
        OwnerOf(part.filename().native(), kPartPrefix) == FolderOwner::kAlive) {
      return false;
    }
  }
  return LastChange(folder) < absl::Now() - kStaleAge;
}

void SweepStale(const fs::path& parent) {
  for (const fs::path& folder : FoldersIn(parent)) {
    if (!IsStale(folder)) continue;
    // Renamed first; restored if another process has opened it meanwhile.
    const fs::path stale = parent / NameOwnedFolder(kStalePrefix);
    if (::rename(folder.c_str(), stale.c_str()) != 0) continue;
    std::error_code ignored;
    if (IsStale(stale)) {
      fs::remove_all(stale, ignored);
    } else {
      fs::rename(stale, folder, ignored);
    }
  }
}

}  // namespace

absl::StatusOr<DownloadFolder> DownloadFolder::Open(const fs::path& root, const std::string& name,
                                                    PullObserver& observer, std::stop_token stop) {
  const fs::path parent = root / kParent;
  const fs::path folder = parent / name;
  SweepStale(parent);
  for (bool waited = false;;) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return Error("create the folder", folder, error.value());
    const Lock lock = TryLock(folder / kLock);
    if (lock.busy) {
      ::close(lock.fd);
      if (!std::exchange(waited, true)) observer.OnWait();
      if (!InterruptibleWait(kLockInterval, stop)) return absl::CancelledError("stopped");
      continue;
    }
    DownloadFolder own(folder / NameOwnedFolder(kPartPrefix), lock.fd);
    if (lock.removed) continue;
    if (lock.fd < 0) return lock.error;
    if (!TakeOver(folder, own.path_)) {
      if (::mkdir(own.path_.c_str(), 0777) != 0) {
        if (errno == ENOENT) continue;  // Where locks do nothing, another may just have removed it.
        return Error("create the folder", own.path_);
      }
      CopyFromOthers(folder, own.path_, stop);
    }
    if (!lock.error.ok()) observer.OnNoLocks(StdView(lock.error.message()));
    return own;
  }
}

DownloadFolder::~DownloadFolder() {
  // A name that the next pull may take, of whichever process.
  if (!path_.empty()) {
    std::error_code ignored;
    fs::rename(path_, path_.parent_path() / NameOwnedFolder(kRestPrefix), ignored);
  }
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

absl::StatusOr<int64_t> DownloadFolder::FreeBytes() const {
  struct statvfs info;
  if (::statvfs(path_.c_str(), &info) != 0) return Error("examine the disk of", path_);
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

void DownloadFolder::Remove() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  const fs::path folder = std::exchange(path_, {}).parent_path();
  fs::remove(folder / kLock, ignored);
  fs::remove(folder, ignored);  // Unless it holds what is another's.
}

}  // namespace chorus::store
