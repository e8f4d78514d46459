#include "model_store/scratch_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNumDigits = 8;

// Opens and locks the folder; -1 with errno, EWOULDBLOCK while somebody else has it.
int OpenLocked(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

// Whether the folder at `path` is the one that was opened, and this user's.
bool IsOwn(const fs::path& path, int fd) {
  struct stat opened, named;
  return ::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev &&
         opened.st_uid == ::geteuid();
}

}  // namespace

absl::StatusOr<ScratchDirectory> ScratchDirectory::Create(const fs::path& parent,
                                                          std::string_view prefix) {
  std::random_device random;
  for (;;) {
    fs::path path =
        parent / fs::path(prefix).concat(absl::StrCat(absl::Hex(random(), absl::kZeroPad8)));
    if (::mkdir(path.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return absl::ErrnoToStatus(errno,
                                 absl::StrCat("cannot create a folder in ", parent.native()));
    }
    // A sweeper may have come between the two calls; then another name is taken.
    const int fd = OpenLocked(path);
    if (fd >= 0 && IsOwn(path, fd)) return ScratchDirectory(std::move(path), fd);
    const int error = errno;
    if (fd >= 0) {
      ::close(fd);
    } else if (error != ENOENT && error != EWOULDBLOCK) {
      ::rmdir(path.c_str());
      return absl::ErrnoToStatus(error, absl::StrCat("cannot lock ", path.native()));
    }
  }
}

bool ScratchDirectory::IsName(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) && name.size() == prefix.size() + kNumDigits &&
         std::all_of(name.begin() + static_cast<ptrdiff_t>(prefix.size()), name.end(),
                     [](char c) { return absl::ascii_isxdigit(c); });
}

int ScratchDirectory::SweepStale(const fs::path& parent, std::string_view prefix) {
  std::vector<fs::path> candidates;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (IsName(it->path().filename().native(), prefix)) candidates.push_back(it->path());
  }
  int num_removed = 0;
  for (const fs::path& path : candidates) {
    const int fd = OpenLocked(path);
    if (fd < 0) continue;
    if (IsOwn(path, fd)) {
      fs::remove_all(path, error);
      if (!error) ++num_removed;
    }
    ::close(fd);
  }
  return num_removed;
}

ScratchDirectory::ScratchDirectory(ScratchDirectory&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

ScratchDirectory::~ScratchDirectory() {
  if (fd_ < 0) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  ::close(fd_);
}

}  // namespace chorus
