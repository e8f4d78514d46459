#include "base/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

using Sink = absl::FunctionRef<absl::Status(std::string_view)>;

absl::Status Read(const std::filesystem::path& path, bool waits, Sink sink) {
  // O_NONBLOCK, so that a FIFO opens at once.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK));
  if (fd < 0) return absl::ErrnoToStatus(errno, path.native());
  const absl::Cleanup close = [fd] { ::close(fd); };
  struct stat info;
  if (::fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, path.native());
  if (S_ISDIR(info.st_mode) || (!waits && !S_ISREG(info.st_mode))) {
    return absl::InvalidArgumentError(absl::StrCat(path.native(), ": not a file"));
  }
  for (char piece[1 << 16];;) {
    const ssize_t n = ::read(fd, piece, sizeof(piece));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, path.native());
    if (n == 0) return absl::OkStatus();
    RETURN_IF_ERROR(sink({piece, static_cast<size_t>(n)}));
  }
}

absl::StatusOr<std::string> ReadAll(const std::filesystem::path& path, bool waits,
                                    int64_t max_bytes) {
  std::string bytes;
  RETURN_IF_ERROR(Read(path, waits, [&](std::string_view piece) {
    bytes += piece;
    if (static_cast<int64_t>(bytes.size()) <= max_bytes) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(path.native(), ": larger than ", max_bytes, " bytes"));
  }));
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, int64_t max_bytes) {
  return ReadAll(path, /*waits=*/false, max_bytes);
}

absl::StatusOr<std::string> ReadFileOrPipe(const std::filesystem::path& path, int64_t max_bytes) {
  return ReadAll(path, /*waits=*/true, max_bytes);
}

absl::Status ReadPieces(const std::filesystem::path& path, Sink sink) {
  return Read(path, /*waits=*/false, sink);
}

}  // namespace chorus
