#include "bundles/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/printable.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model_store/file_system.h"
#include "model_store/scratch_directory.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 2048;
constexpr char kPartPrefix[] = ".chorus-export-";

struct Free {
  void operator()(archive* a) const { archive_free(a); }
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using ArchivePtr = std::unique_ptr<archive, Free>;
using EntryPtr = std::unique_ptr<archive_entry, Free>;

std::string ErrorOf(archive* a) {
  const char* text = archive_error_string(a);
  return text == nullptr ? "unknown error" : absl::CEscape(text);
}

absl::Status WriteError(archive* a, const fs::path& path) {
  const int error = archive_errno(a);
  return absl::ErrnoToStatus(error > 0 ? error : EIO,
                             absl::StrCat("cannot write ", path.native(), ": ", ErrorOf(a)));
}

// Without a name, a time or a user of this machine in it.
absl::Status WriteFileEntry(archive* a, const ArchiveFile& file, absl::Time time,
                            const fs::path& target) {
  std::error_code error;
  const uintmax_t size = fs::file_size(file.path, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot examine " + file.path.native());
  const EntryPtr entry(archive_entry_new());
  archive_entry_set_pathname_utf8(entry.get(), file.name.c_str());
  archive_entry_set_size(entry.get(), static_cast<int64_t>(size));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), absl::ToUnixSeconds(time), 0);
  if (archive_write_header(a, entry.get()) != ARCHIVE_OK) return WriteError(a, target);
  int64_t written = 0;
  RETURN_IF_ERROR(ReadPieces(file.path, [&](std::string_view piece) -> absl::Status {
    // Takes no more than the header's size.
    const la_ssize_t n = archive_write_data(a, piece.data(), piece.size());
    if (n < 0) return WriteError(a, target);
    written += n;
    return absl::OkStatus();
  }));
  if (written == static_cast<int64_t>(size)) return absl::OkStatus();
  return absl::DataLossError("changed while it was read: " + file.path.native());
}

// Writes to an open file, and syncs it; `path` is its name in errors.
absl::Status WriteAll(const std::vector<ArchiveFile>& files, absl::Time time, int fd,
                      const fs::path& path) {
  const ArchivePtr a(archive_write_new());
  archive_write_set_format_pax_restricted(a.get());
  archive_write_add_filter_gzip(a.get());
  // Weights hardly shrink: more than the least effort is wasted on them.
  archive_write_set_filter_option(a.get(), "gzip", "compression-level", "1");
  archive_write_set_filter_option(a.get(), "gzip", "timestamp", nullptr);
  archive_write_set_bytes_in_last_block(a.get(), 1);
  if (archive_write_open_fd(a.get(), fd) != ARCHIVE_OK) return WriteError(a.get(), path);
  for (const ArchiveFile& file : files) {
    RETURN_IF_ERROR(WriteFileEntry(a.get(), file, time, path));
  }
  if (archive_write_close(a.get()) != ARCHIVE_OK) return WriteError(a.get(), path);
  if (::fsync(fd) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "cannot sync " + path.native());
}

// What was written by a stream; store::FileSystem syncs what it writes itself.
absl::Status SyncFile(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const absl::Cleanup close = [fd] { ::close(fd); };
  if (fd >= 0 && ::fsync(fd) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "cannot sync " + path.native());
}

absl::Status Refuse(std::string_view name, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the archive is refused: \"", absl::CEscape(AbslView(name)), "\" ", AbslView(why)));
}

// Whether the file of that name lies below the folder it is relative to.
bool IsSafeName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes || name.find('\\') != std::string_view::npos ||
      !IsPrintable(name)) {
    return false;
  }
  for (const absl::string_view part : absl::StrSplit(AbslView(name), '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

class Reader {
 public:
  Reader(archive* a, const ArchiveLimits& limits, ArchiveVisitor visit)
      : archive_(a), limits_(limits), visit_(visit), buffer_(kBlockBytes) {}

  absl::Status Read() {
    archive_entry* entry = nullptr;
    for (;;) {
      const int result = archive_read_next_header(archive_, &entry);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK) return Damaged();
      RETURN_IF_ERROR(CheckEntry(entry));
      RETURN_IF_ERROR(ReadFileData(archive_entry_pathname(entry)));
    }
    if (names_.empty()) return absl::InvalidArgumentError("the archive is empty");
    return absl::OkStatus();
  }

 private:
  absl::Status Damaged() const {
    return absl::InvalidArgumentError("the archive is damaged: " + ErrorOf(archive_));
  }

  absl::Status CheckEntry(archive_entry* entry) {
    const char* path = archive_entry_pathname(entry);  // Null if it is not UTF-8.
    const std::string name = path == nullptr ? "" : path;
    if (!IsSafeName(name)) return Refuse(name, "does not name a file below its folder");
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr ||
        archive_entry_filetype(entry) != AE_IFREG || archive_entry_sparse_count(entry) > 0) {
      return Refuse(name, "is not a plain file");
    }
    if (!names_.insert(name).second) return Refuse(name, "is there twice");
    if (static_cast<int64_t>(names_.size()) > limits_.max_files) {
      return Refuse(name, absl::StrCat("is one file more than ", limits_.max_files));
    }
    const int64_t size = archive_entry_size(entry);
    if (!archive_entry_size_is_set(entry) || size < 0 || size > limits_.max_file_bytes) {
      return Refuse(name, absl::StrCat("must have at most ", limits_.max_file_bytes, " bytes"));
    }
    if (size > limits_.max_total_bytes - total_bytes_) {
      return absl::ResourceExhaustedError(absl::StrCat("the archive unpacks to more than the ",
                                                       limits_.max_total_bytes,
                                                       " bytes there is room for"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadFileData(const std::string& name) {
    RETURN_IF_ERROR(visit_(name, {}));
    for (;;) {
      const la_ssize_t n = archive_read_data(archive_, buffer_.data(), buffer_.size());
      if (n < 0) return Damaged();
      if (n == 0) return absl::OkStatus();
      total_bytes_ += n;  // Never more than the entry's size.
      RETURN_IF_ERROR(visit_(name, {buffer_.data(), static_cast<size_t>(n)}));
    }
  }

  archive* const archive_;
  const ArchiveLimits& limits_;
  const ArchiveVisitor visit_;
  std::vector<char> buffer_;
  std::set<std::string> names_;
  int64_t total_bytes_ = 0;
};

// Only what WriteArchive writes.
ArchivePtr NewReader() {
  ArchivePtr a(archive_read_new());
  archive_read_support_filter_gzip(a.get());
  archive_read_support_format_tar(a.get());
  return a;
}

// Writes what a Reader visits.
class Extractor {
 public:
  explicit Extractor(fs::path directory) : directory_(std::move(directory)) {}

  absl::Status Visit(const std::string& name, std::string_view piece) {
    const fs::path path = directory_ / name;
    if (piece.empty()) {
      RETURN_IF_ERROR(Finish());
      std::error_code error;
      fs::create_directories(path.parent_path(), error);
      if (error) return Error(error.value(), path.parent_path());
      errno = 0;
      file_.open(path, std::ios::binary | std::ios::trunc);
      path_ = path;
    }
    file_.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    return file_ ? absl::OkStatus() : Error(errno, path);
  }

  absl::Status Finish() {
    if (!file_.is_open()) return absl::OkStatus();
    errno = 0;
    file_.close();
    return file_ ? SyncFile(path_) : Error(errno, path_);
  }

 private:
  static absl::Status Error(int error, const fs::path& path) {
    return absl::ErrnoToStatus(error == 0 ? EIO : error, "cannot write " + path.native());
  }

  const fs::path directory_;
  fs::path path_;  // Of file_.
  std::ofstream file_;
};

}  // namespace

absl::Status WriteArchive(const std::vector<ArchiveFile>& files, absl::Time time,
                          const fs::path& archive) {
  const fs::path folder = fs::absolute(archive).parent_path();
  store::ScratchDirectory::SweepStale(folder, kPartPrefix);
  std::error_code ignored;
  if (fs::exists(archive, ignored)) {
    return absl::AlreadyExistsError(archive.native() + " is there already");
  }
  // Of a file without a name, where the disk has such, a killed process leaves nothing.
  std::optional<store::ScratchDirectory> scratch;
  int fd = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  fs::path part = absl::StrCat("/proc/self/fd/", fd);
  if (fd < 0) {
    ASSIGN_OR_RETURN(auto made, store::ScratchDirectory::Create(folder, kPartPrefix));
    part = scratch.emplace(std::move(made)).path() / "archive";
    fd = ::open(part.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  }
  const absl::Cleanup close = [fd] { ::close(fd); };
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot create " + part.native());
  RETURN_IF_ERROR(WriteAll(files, time, fd, archive));
  if (scratch) {
    RETURN_IF_ERROR(store::FileSystem::Real().Rename(part, archive, store::RenameMode::kNoReplace));
  } else if (::linkat(AT_FDCWD, part.c_str(), AT_FDCWD, archive.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return absl::ErrnoToStatus(errno, "cannot create " + archive.native());
  }
  return store::FileSystem::Real().SyncDirectory(folder);
}

absl::Status ReadArchive(std::string_view bytes, const ArchiveLimits& limits,
                         ArchiveVisitor visit) {
  const ArchivePtr a = NewReader();
  if (archive_read_open_memory(a.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    return absl::InvalidArgumentError("the archive is damaged: " + ErrorOf(a.get()));
  }
  return Reader(a.get(), limits, visit).Read();
}

absl::Status ExtractArchive(const fs::path& path, const ArchiveLimits& limits,
                            const fs::path& directory) {
  // O_NONBLOCK, so that a FIFO opens at once.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const absl::Cleanup close = [fd] { ::close(fd); };
  struct stat info;
  if (fd < 0 || ::fstat(fd, &info) != 0) {
    return absl::ErrnoToStatus(errno, "cannot open " + path.native());
  }
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(path.native() + " is not a file");
  const ArchivePtr a = NewReader();
  if (archive_read_open_fd(a.get(), fd, kBlockBytes) != ARCHIVE_OK) {
    const int error = archive_errno(a.get());
    // EILSEQ: libarchive's own for what is no archive at all.
    if (error > 0 && error != EILSEQ) return absl::ErrnoToStatus(error, path.native());
    return absl::InvalidArgumentError(path.native() + " is damaged: " + ErrorOf(a.get()));
  }
  Extractor extractor(directory);
  const auto visit = [&](const std::string& name, std::string_view piece) {
    return extractor.Visit(name, piece);
  };
  RETURN_IF_ERROR(Reader(a.get(), limits, visit).Read());
  return extractor.Finish();
}

}  // namespace chorus
