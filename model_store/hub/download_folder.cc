#include "model_store/hub/download_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "model_store/hub/interruptible_wait.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

constexpr char kParent[] = ".pull";
constexpr auto kStaleAge = std::chrono::hours(7 * 24);
constexpr absl::Duration kLockInterval = absl::Milliseconds(200);

absl::Status Error(const char* what, const fs::path& path, int error = errno) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path.native()));
}

// The locked folder; -1 with errno, EWOULDBLOCK while somebody else has it, ENOENT when it was
// removed meanwhile.
int OpenLocked(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  int error = ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  struct stat opened, named;
  if (error == 0 && (::fstat(fd, &opened) != 0 || ::lstat(path.c_str(), &named) != 0 ||
                     opened.st_ino != named.st_ino || opened.st_dev != named.st_dev)) {
    error = ENOENT;
  }
  if (error == 0) return fd;
  ::close(fd);
  errno = error;
  return -1;
}

bool IsStale(const fs::path& folder) {
  std::error_code error;
  fs::file_time_type newest = fs::last_write_time(folder, error);
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    newest = std::max(newest, fs::last_write_time(it->path(), ignored));
  }
  return !error && newest < fs::file_time_type::clock::now() - kStaleAge;
}

void SweepStale(const fs::path& parent) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (IsStale(it->path())) folders.push_back(it->path());
  }
  for (const fs::path& folder : folders) {
    const int fd = OpenLocked(folder);
    if (fd < 0) continue;
    if (IsStale(folder)) fs::remove_all(folder, error);
    ::close(fd);
  }
}

}  // namespace

absl::StatusOr<DownloadFolder> DownloadFolder::Open(const fs::path& root, const std::string& name,
                                                    std::stop_token stop,
                                                    absl::FunctionRef<void()> on_wait) {
  const fs::path parent = root / kParent;
  const fs::path path = parent / name;
  SweepStale(parent);
  for (bool waited = false;;) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return Error("create the folder", path, error.value());
    const int fd = OpenLocked(path);
    if (fd >= 0) return DownloadFolder(path, fd);
    if (errno == ENOENT) continue;
    if (errno != EWOULDBLOCK) return Error("lock the folder", path);
    if (!std::exchange(waited, true)) on_wait();
    if (!InterruptibleWait(kLockInterval, stop)) return absl::CancelledError("stopped");
  }
}

DownloadFolder::~DownloadFolder() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<int64_t> DownloadFolder::FreeBytes() const {
  struct statvfs info;
  if (::fstatvfs(fd_, &info) != 0) return Error("examine the disk of", path_);
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

void DownloadFolder::Remove() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace chorus
