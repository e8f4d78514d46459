#include "runner_server/weights/safetensors_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace chorus::runner {
namespace {

absl::Status Annotate(const std::filesystem::path& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path.string(), ": ", status.message()));
}

}  // namespace

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Annotate(path, absl::ErrnoToStatus(errno, "cannot open"));
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": is not a regular file"));
  }
  const size_t size = static_cast<size_t>(info.st_size);
  if (size == 0) {
    close(fd);
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": is empty"));
  }
  void* bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int map_errno = errno;
  close(fd);
  if (bytes == MAP_FAILED) return Annotate(path, absl::ErrnoToStatus(map_errno, "cannot map"));
  madvise(bytes, size, MADV_WILLNEED);  // A hint; loading works without.

  SafetensorsFile file(path, static_cast<const char*>(bytes), size);
  absl::StatusOr<SafetensorsHeader> header = ParseSafetensorsHeader({file.bytes_, size});
  if (!header.ok()) return Annotate(path, header.status());
  file.header_ = *std::move(header);
  return file;
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      bytes_(std::exchange(other.bytes_, nullptr)),
      size_(other.size_),
      header_(std::move(other.header_)) {}

SafetensorsFile::~SafetensorsFile() {
  if (bytes_ != nullptr) munmap(const_cast<char*>(bytes_), size_);
}

}  // namespace chorus::runner
