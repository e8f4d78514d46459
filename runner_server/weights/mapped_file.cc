#include "runner_server/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace chorus::runner {
namespace {

absl::Status Error(const std::filesystem::path& path, int error, const char* what) {
  return absl::ErrnoToStatus(error, absl::StrCat(path.string(), ": ", what));
}

}  // namespace

absl::StatusOr<MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // A FIFO does not block.
  if (fd < 0) return Error(path, errno, "cannot open");
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": is not a regular file"));
  }
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) {
    close(fd);
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": is empty"));
  }
  void* bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int map_errno = errno;
  close(fd);
  if (bytes == MAP_FAILED) return Error(path, map_errno, "cannot map");
  madvise(bytes, size, MADV_WILLNEED);  // A hint; loading works without.
  return MappedFile(static_cast<const char*>(bytes), size);
}

MappedFile::~MappedFile() {
  if (bytes_ != nullptr) munmap(const_cast<char*>(bytes_), size_);
}

}  // namespace chorus::runner
