#include "model_store/version_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/names.h"
#include "base/near_name.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model_store/file_lock.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

constexpr char kLatestFileName[] = "latest";
constexpr char kScratchFolder[] = ".tmp";
constexpr char kLockFileName[] = ".lock";
constexpr char kScratchPrefix[] = "save-";
constexpr int64_t kMaxLatestBytes = 256;

std::vector<std::string> SubfolderNames(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    std::string name = it->path().filename().native();
    if (it->is_directory(ignored) && IsFileName(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsDirectory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

fs::file_time_type TimeOf(const fs::path& path) {
  std::error_code ignored;
  return fs::last_write_time(path, ignored);
}

}  // namespace

VersionStore::VersionStore(const fs::path& root, std::string_view noun, FileSystem& file_system)
    : root_(fs::absolute(root)), noun_(noun), file_system_(file_system) {}

absl::Status VersionStore::Advise(const absl::Status& status, std::string_view what) const {
  std::string advice;
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      advice = "free some space and try again";
      break;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:  // A read-only file system.
      advice = "CHORUS_HOME may name another folder, which must be writable";
      break;
    default:
      return status;
  }
  return {status.code(), absl::StrCat("could not ", AbslView(what), " in ", root_.native(), ": ",
                                      status.message(), "; ", advice)};
}

absl::Status VersionStore::Save(const Tag& tag, const SaveOptions& options,
                                absl::FunctionRef<absl::Status(const fs::path& staged)> stage) {
  RETURN_IF_ERROR(ValidateTag(tag));
  if (tag.is_latest()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", noun_, " is saved under a version of its own: ", tag.ToString()));
  }
  if (!options.replace && IsDirectory(Directory(tag))) return AlreadyExists(tag);
  const auto save = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ScratchDirectory scratch, CreateScratch());
    const fs::path staged = scratch.path() / "version";
    RETURN_IF_ERROR(stage(staged));
    const FileLock lock(LockFile());
    RETURN_IF_ERROR(Publish(tag, staged, options.replace));
    return WriteLatest(tag, options.set_latest, scratch.path());
  };
  return Advise(save(), "save " + tag.ToString());
}

absl::Status VersionStore::PointLatest(const Tag& tag, SetLatest mode) {
  RETURN_IF_ERROR(ValidateTag(tag));
  if (tag.is_latest() || !IsDirectory(Directory(tag))) return NotFound(tag);
  std::error_code ignored;
  if (mode == SetLatest::kIfAbsent && fs::exists(root_ / tag.name / kLatestFileName, ignored)) {
    return absl::OkStatus();
  }
  const auto point = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ScratchDirectory scratch, CreateScratch());
    const FileLock lock(LockFile());
    if (!IsDirectory(Directory(tag))) return NotFound(tag);  // Deleted meanwhile.
    return WriteLatest(tag, mode, scratch.path());
  };
  return Advise(point(), "save " + tag.ToString());
}

absl::Status VersionStore::ChangeFile(
    const Tag& tag, std::string_view name,
    absl::FunctionRef<absl::StatusOr<std::string>(const Tag& exact)> change) {
  ASSIGN_OR_RETURN(const Tag exact, Find(tag));
  const auto replace = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ScratchDirectory scratch, CreateScratch());
    const FileLock lock(LockFile());
    RETURN_IF_ERROR(Find(exact).status());  // It may have been deleted meanwhile.
    ASSIGN_OR_RETURN(const std::string contents, change(exact));
    const fs::path staged = scratch.path() / name;
    RETURN_IF_ERROR(file_system_.WriteFile(staged, contents));
    const fs::path folder = Directory(exact);
    const fs::file_time_type written = TimeOf(folder);
    RETURN_IF_ERROR(file_system_.Rename(staged, folder / name, RenameMode::kReplace));
    std::error_code ignored;
    fs::last_write_time(folder, written, ignored);
    return file_system_.SyncDirectory(folder);
  };
  return Advise(replace(), "change " + exact.ToString());
}

absl::Status VersionStore::Delete(const Tag& tag) {
  ASSIGN_OR_RETURN(const Tag exact, Find(tag));
  const auto remove = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ScratchDirectory scratch, CreateScratch());
    const FileLock lock(LockFile());
    RETURN_IF_ERROR(Find(exact).status());  // It may have been deleted meanwhile.
    return Remove(exact, scratch.path());
  };
  return Advise(remove(), "delete " + exact.ToString());
}

fs::path VersionStore::LockFile() const { return root_ / kLockFileName; }

absl::StatusOr<ScratchDirectory> VersionStore::CreateScratch() {
  RETURN_IF_ERROR(CreateLayout());
  ScratchDirectory::SweepStale(root_ / kScratchFolder, kScratchPrefix);
  return ScratchDirectory::Create(root_ / kScratchFolder, kScratchPrefix);
}

absl::Status VersionStore::CreateLayout() {
  std::error_code error;
  fs::create_directories(root_.parent_path(), error);
  if (error) {
    return absl::ErrnoToStatus(
        error.value(), absl::StrCat("cannot create the folder ", root_.parent_path().native()));
  }
  RETURN_IF_ERROR(file_system_.CreateDirectory(root_));
  return file_system_.CreateDirectory(root_ / kScratchFolder);
}

absl::Status VersionStore::Publish(const Tag& tag, const fs::path& staged, bool replace) {
  RETURN_IF_ERROR(file_system_.CreateDirectory(root_ / tag.name));
  const fs::path target = Directory(tag);
  absl::Status status = file_system_.Rename(staged, target, RenameMode::kNoReplace);
  if (absl::IsAlreadyExists(status) && replace) {
    // The old version lands in the scratch folder and goes with it.
    status = file_system_.Rename(staged, target, RenameMode::kExchange);
  }
  if (absl::IsAlreadyExists(status)) return AlreadyExists(tag);
  RETURN_IF_ERROR(status);
  return file_system_.SyncDirectory(root_ / tag.name);
}

absl::Status VersionStore::WriteLatest(const Tag& tag, SetLatest mode, const fs::path& scratch) {
  if (mode == SetLatest::kNever) return absl::OkStatus();
  const fs::path staged = scratch / kLatestFileName;
  RETURN_IF_ERROR(file_system_.WriteFile(staged, tag.version + "\n"));
  const bool always = mode == SetLatest::kAlways;
  const absl::Status status =
      file_system_.Rename(staged, root_ / tag.name / kLatestFileName,
                          always ? RenameMode::kReplace : RenameMode::kNoReplace);
  if (!always && absl::IsAlreadyExists(status)) return absl::OkStatus();
  RETURN_IF_ERROR(status);
  return file_system_.SyncDirectory(root_ / tag.name);
}

// `latest` moves first, so that it never names what is gone.
absl::Status VersionStore::Remove(const Tag& tag, const fs::path& scratch) {
  const fs::path folder = root_ / tag.name;
  std::vector<std::string> left = SubfolderNames(folder);
  std::erase(left, tag.version);
  const absl::StatusOr<Tag> latest = ResolveLatest({tag.name, std::string(kLatestVersion)});
  const bool was_latest = latest.ok() && *latest == tag;
  if (was_latest && !left.empty()) {
    const auto newest = std::max_element(
        left.begin(), left.end(),
        [&](const auto& a, const auto& b) { return TimeOf(folder / a) < TimeOf(folder / b); });
    RETURN_IF_ERROR(WriteLatest({tag.name, *newest}, SetLatest::kAlways, scratch));
  }
  if (was_latest && left.empty()) {
    RETURN_IF_ERROR(file_system_.Rename(folder / kLatestFileName, scratch / kLatestFileName,
                                        RenameMode::kReplace));
  }
  // From here on it is removed with the scratch folder.
  RETURN_IF_ERROR(file_system_.Rename(Directory(tag), scratch / "version", RenameMode::kNoReplace));
  RETURN_IF_ERROR(file_system_.SyncDirectory(folder));
  std::error_code ignored;  // Somebody else may have saved another version meanwhile.
  if (left.empty()) fs::remove(folder, ignored);
  return absl::OkStatus();
}

std::vector<Tag> VersionStore::List() const {
  std::vector<Tag> tags;
  for (const std::string& name : SubfolderNames(root_)) {
    for (const std::string& version : SubfolderNames(root_ / name)) tags.push_back({name, version});
  }
  return tags;
}

std::string VersionStore::StateOf(const Tag& tag) const {
  struct stat info;
  if (::stat(Directory(tag).c_str(), &info) != 0) return "";
  // The inode of a folder that is gone may be given to the next one; its change time is not.
  return absl::StrCat(info.st_ino, " ", info.st_ctim.tv_sec, ".", info.st_ctim.tv_nsec);
}

std::vector<absl::Status> VersionStore::CheckLatest() const {
  std::vector<absl::Status> problems;
  for (const std::string& name : SubfolderNames(root_)) {
    std::error_code ignored;
    if (!fs::exists(root_ / name / kLatestFileName, ignored)) continue;
    const absl::Status status = Find({name, std::string(kLatestVersion)}).status();
    // The last of its versions may have been deleted meanwhile.
    if (!status.ok() && fs::exists(root_ / name / kLatestFileName, ignored)) {
      problems.push_back(absl::DataLossError(
          absl::StrCat((root_ / name / kLatestFileName).native(), ": ", status.message())));
    }
  }
  return problems;
}

absl::StatusOr<Tag> VersionStore::Find(const Tag& tag) const {
  RETURN_IF_ERROR(ValidateTag(tag));
  for (;;) {
    ASSIGN_OR_RETURN(const Tag exact, ResolveLatest(tag));
    if (IsDirectory(Directory(exact))) return exact;
    // The latest may have been deleted meanwhile, and then another one is.
    const absl::StatusOr<Tag> again = ResolveLatest(tag);
    if (again.ok() && *again == exact && !IsDirectory(Directory(exact))) return NotFound(exact);
  }
}

absl::StatusOr<Tag> VersionStore::ResolveLatest(const Tag& tag) const {
  if (!tag.is_latest()) return tag;
  const absl::StatusOr<std::string> text =
      ReadFile(root_ / tag.name / kLatestFileName, kMaxLatestBytes);
  if (absl::IsNotFound(text.status())) return NotFound(tag);
  RETURN_IF_ERROR(text.status());
  Tag exact{tag.name, std::string(absl::StripAsciiWhitespace(*text))};
  if (!IsFileName(exact.version) || exact.is_latest()) {
    return absl::DataLossError(absl::StrCat((root_ / tag.name / kLatestFileName).native(),
                                            " must name a version: \"",
                                            absl::CEscape(exact.version), "\""));
  }
  return exact;
}

absl::Status VersionStore::AlreadyExists(const Tag& tag) const {
  return absl::AlreadyExistsError(absl::StrCat(tag.ToString(), " is in the store already"));
}

absl::Status VersionStore::NotFound(const Tag& tag) const {
  std::vector<std::string> versions = SubfolderNames(root_ / tag.name);
  if (!versions.empty()) {
    const std::string near = NearName(tag.version, versions);
    return absl::NotFoundError(
        absl::StrCat("no ", noun_, " ", tag.ToString(), "; the versions of ", tag.name,
                     " are: ", absl::StrJoin(versions, ", "),
                     near.empty() ? "" : "; did you mean " + Tag{tag.name, near}.ToString() + "?"));
  }
  const std::vector<std::string> names = SubfolderNames(root_);
  const std::string near = NearName(tag.name, names);
  return absl::NotFoundError(absl::StrCat(
      "no ", noun_, " ", tag.ToString(), " in ", root_.native(), "; ",
      names.empty() ? "there is none at all" : "there are: " + absl::StrJoin(names, ", "),
      near.empty() ? "" : "; did you mean " + near + "?"));
}

}  // namespace chorus::store
