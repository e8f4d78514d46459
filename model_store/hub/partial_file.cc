#include "model_store/hub/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/read_file.h"
#include "base/status_macros.h"

namespace chorus::store {

absl::StatusOr<std::unique_ptr<PartialFile>> PartialFile::Open(const std::filesystem::path& path,
                                                               const HubFile& file) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path.native()));
  std::unique_ptr<PartialFile> partial(new PartialFile(path, file, fd));
  struct stat info;
  if (::fstat(fd, &info) != 0) return partial->Error("examine");
  partial->size_bytes_ = info.st_size;
  if (info.st_size > file.size_bytes) RETURN_IF_ERROR(partial->Restart());
  return partial;
}

PartialFile::PartialFile(const std::filesystem::path& path, const HubFile& file, int fd)
    : path_(path), file_(file), fd_(fd) {}

PartialFile::~PartialFile() { ::close(fd_); }

absl::Status PartialFile::Error(const char* what) const {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", path_.native()));
}

absl::Status PartialFile::Append(std::string_view bytes) {
  if (static_cast<int64_t>(bytes.size()) > file_.size_bytes - size_bytes_) {
    return absl::DataLossError(absl::StrCat(file_.name, " is larger than the ", file_.size_bytes,
                                            " bytes it should have"));
  }
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error("write");
    size_bytes_ += n;
    rest.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status PartialFile::Restart() {
  if (::ftruncate(fd_, 0) != 0) return Error("empty");
  size_bytes_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<ManifestFile> PartialFile::Finish() {
  if (::fsync(fd_) != 0) return Error("sync");
  // Of the disk's bytes and not of those that were written: a file that is published is what its
  // hash says, whatever else wrote to it.
  Sha256 sha256;
  GitBlobHash git_sha1(file_.size_bytes);
  const bool by_git = file_.sha256.empty();
  ManifestFile finished{file_.name, 0, ""};
  RETURN_IF_ERROR(ReadPieces(path_, [&](std::string_view piece) {
    sha256.Update(piece);
    if (by_git) git_sha1.Update(piece);
    finished.size_bytes += static_cast<int64_t>(piece.size());
    return absl::OkStatus();
  }));
  finished.sha256 = std::move(sha256).HexDigest();
  const auto differs = [this](const auto&... what) {
    return absl::DataLossError(absl::StrCat(file_.name, " is not what the hub lists: ", what...));
  };
  if (finished.size_bytes != file_.size_bytes) {
    return differs("it has ", finished.size_bytes, " bytes, not ", file_.size_bytes);
  }
  const std::string hash = by_git ? std::move(git_sha1).HexDigest() : finished.sha256;
  const std::string& wanted = by_git ? file_.git_sha1 : file_.sha256;
  if (hash != wanted) {
    return differs("its ", by_git ? "Git hash" : "SHA-256", " is ", hash, ", not ", wanted);
  }
  return finished;
}

}  // namespace chorus::store
