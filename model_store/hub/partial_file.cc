#include "model_store/hub/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model_store/file_system.h"

namespace chorus {

absl::StatusOr<std::unique_ptr<PartialFile>> PartialFile::Open(const std::filesystem::path& path,
                                                               const HubFile& file) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path.native()));
  std::unique_ptr<PartialFile> partial(new PartialFile(path, file, fd));
  struct stat info;
  if (::fstat(fd, &info) != 0) return partial->Error("examine");
  if (info.st_size > file.size_bytes) RETURN_IF_ERROR(partial->Restart());
  if (info.st_size > 0) RETURN_IF_ERROR(partial->HashWhatIsThere());
  return partial;
}

PartialFile::PartialFile(const std::filesystem::path& path, const HubFile& file, int fd)
    : path_(path),
      file_(file),
      fd_(fd),
      sha256_(std::make_unique<Sha256>()),
      git_hash_(file.size_bytes) {}

PartialFile::~PartialFile() { ::close(fd_); }

absl::Status PartialFile::Error(const char* what) const {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", path_.native()));
}

void PartialFile::Hash(std::string_view bytes) {
  sha256_->Update(bytes);
  if (!file_.git_sha1.empty()) git_hash_.Update(bytes);
  size_bytes_ += static_cast<int64_t>(bytes.size());
}

absl::Status PartialFile::HashWhatIsThere() {
  return ReadPieces(path_, [this](std::string_view piece) {
    Hash(piece);
    return absl::OkStatus();
  });
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
    Hash(rest.substr(0, static_cast<size_t>(n)));
    rest.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status PartialFile::Restart() {
  if (::ftruncate(fd_, 0) != 0) return Error("empty");
  size_bytes_ = 0;
  sha256_ = std::make_unique<Sha256>();
  git_hash_ = GitBlobHash(file_.size_bytes);
  return absl::OkStatus();
}

absl::StatusOr<ManifestFile> PartialFile::Finish() {
  ManifestFile finished{file_.name, size_bytes_, std::move(*sha256_).HexDigest()};
  const bool by_git = file_.sha256.empty();
  const std::string hash = by_git ? std::move(git_hash_).HexDigest() : finished.sha256;
  const std::string& wanted = by_git ? file_.git_sha1 : file_.sha256;
  if (hash != wanted) {
    return absl::DataLossError(absl::StrCat(file_.name, " is not what the hub lists: its ",
                                            by_git ? "Git hash" : "SHA-256", " is ", hash, ", not ",
                                            wanted));
  }
  if (::fsync(fd_) != 0) return Error("sync");
  return finished;
}

}  // namespace chorus
