#include "model_store/file_system.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::store {
namespace {

absl::Status Error(std::string_view what, const std::filesystem::path& path, int error = errno) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", AbslView(what), " ", path.native()));
}

class Fd {
 public:
  Fd(const std::filesystem::path& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

  // Closing reports errors of delayed writes on some network file systems.
  int Close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error("write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status SyncAndClose(Fd& file, const std::filesystem::path& path) {
  if (::fsync(file.get()) != 0) return Error("sync", path);
  if (file.Close() != 0) return Error("close", path);
  return absl::OkStatus();
}

class RealFileSystem : public FileSystem {
 public:
  absl::Status CreateDirectory(const std::filesystem::path& path) override {
    if (::mkdir(path.c_str(), 0777) == 0) return SyncDirectory(path.parent_path());
    const int error = errno;
    std::error_code ignored;
    if (error == EEXIST && std::filesystem::is_directory(path, ignored)) return absl::OkStatus();
    return Error("create the folder", path, error);
  }

  absl::StatusOr<FileDigest> CopyFile(const std::filesystem::path& from,
                                      const std::filesystem::path& to) override {
    Fd file(to, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (!file.ok()) return Error("create", to);
    Sha256 hash;
    FileDigest digest;
    RETURN_IF_ERROR(ReadPieces(from, [&](std::string_view piece) {
      hash.Update(piece);
      digest.size_bytes += static_cast<int64_t>(piece.size());
      return WriteAll(file.get(), piece, to);
    }));
    RETURN_IF_ERROR(SyncAndClose(file, to));
    digest.sha256 = std::move(hash).HexDigest();
    return digest;
  }

  absl::Status WriteFile(const std::filesystem::path& path, std::string_view contents) override {
    Fd file(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (!file.ok()) return Error("create", path);
    RETURN_IF_ERROR(WriteAll(file.get(), contents, path));
    return SyncAndClose(file, path);
  }

  absl::Status SyncDirectory(const std::filesystem::path& path) override {
    Fd directory(path, O_RDONLY | O_DIRECTORY);
    if (!directory.ok()) return Error("open the folder", path);
    // EINVAL: a file system that cannot sync folders, such as some FUSE ones.
    if (::fsync(directory.get()) != 0 && errno != EINVAL) return Error("sync the folder", path);
    return absl::OkStatus();
  }

  absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to,
                      RenameMode mode) override {
    const unsigned int flags = mode == RenameMode::kNoReplace  ? RENAME_NOREPLACE
                               : mode == RenameMode::kExchange ? RENAME_EXCHANGE
                                                               : 0;
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) {
      return absl::OkStatus();
    }
    int error = errno;
    // EINVAL: a file system without the flag, such as NFS. There rename(2) alone must do: it never
    // replaces a folder with files in it.
    if (error == EINVAL && mode == RenameMode::kNoReplace) {
      std::error_code ignored;
      if (std::filesystem::exists(to, ignored)) return Error("create", to, EEXIST);
      if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
      error = errno == ENOTEMPTY ? EEXIST : errno;
    }
    if (error == EINVAL && mode == RenameMode::kExchange) {
      // Not in one step there: for a moment nothing is at `to`.
      const std::filesystem::path aside = from.native() + ".old";
      if (::rename(to.c_str(), aside.c_str()) != 0) return Error("rename", to);
      if (::rename(from.c_str(), to.c_str()) == 0) {
        ::rename(aside.c_str(), from.c_str());
        return absl::OkStatus();
      }
      error = errno;
      ::rename(aside.c_str(), to.c_str());
    }
    return Error("rename " + from.native() + " to", to, error);
  }
};

}  // namespace

FileSystem& FileSystem::Real() {
  static auto* const kReal = new RealFileSystem;
  return *kReal;
}

absl::StatusOr<FileDigest> DigestFile(const std::filesystem::path& path) {
  Sha256 hash;
  FileDigest digest;
  RETURN_IF_ERROR(ReadPieces(path, [&](std::string_view piece) {
    hash.Update(piece);
    digest.size_bytes += static_cast<int64_t>(piece.size());
    return absl::OkStatus();
  }));
  digest.sha256 = std::move(hash).HexDigest();
  return digest;
}

}  // namespace chorus::store
