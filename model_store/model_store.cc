#include "model_store/model_store.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model_store/model_files.h"
#include "model_store/scratch_directory.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

constexpr char kLatestFileName[] = "latest";
constexpr char kScratchFolder[] = ".tmp";
constexpr char kScratchPrefix[] = "save-";
constexpr int64_t kMaxManifestBytes = 16 << 20;
constexpr int64_t kMaxLatestBytes = 256;

// Says what to do about errors that are the disk's and not the caller's.
absl::Status Advise(const absl::Status& status, const Tag& tag, const fs::path& models) {
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
  return {status.code(), absl::StrCat("could not save ", tag.ToString(), " in ", models.native(),
                                      ": ", status.message(), "; ", advice)};
}

// Now, in whole seconds; or the moment that SOURCE_DATE_EPOCH names, for those who build an image
// twice and want the same bytes.
absl::Time CreationTime() {
  int64_t seconds = absl::ToUnixSeconds(absl::Now());
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH"); epoch != nullptr) {
    if (int64_t given = 0; absl::SimpleAtoi(epoch, &given)) seconds = given;
  }
  return absl::FromUnixSeconds(seconds);
}

std::vector<std::string> SubfolderNames(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    std::string name = it->path().filename().native();
    if (it->is_directory(ignored) && IsValidTagPart(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsPath(std::string_view text) {
  return text.find('/') != std::string_view::npos || text == "." || text == "..";
}

bool IsDirectory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

absl::StatusOr<ResolvedModel> ResolvePath(std::string_view text) {
  std::error_code error;
  const fs::path directory = fs::canonical(fs::path(text), error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("no model folder ", absl::CEscape(AbslView(text))));
  }
  RETURN_IF_ERROR(ListModelFiles(directory).status());
  return ResolvedModel{directory, std::nullopt};
}

}  // namespace

absl::StatusOr<fs::path> ModelStore::DefaultHome() {
  if (const char* home = std::getenv("CHORUS_HOME"); home != nullptr && *home != '\0') return home;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return fs::path(home) / ".chorus";
  }
  return absl::FailedPreconditionError(
      "there is no home folder to keep models in: set CHORUS_HOME to a folder");
}

ModelStore::ModelStore(const fs::path& home, FileSystem& file_system)
    : models_(fs::absolute(home) / "models"), file_system_(file_system) {}

fs::path ModelStore::Directory(const Tag& tag) const { return models_ / tag.name / tag.version; }

absl::StatusOr<Manifest> ModelStore::Save(const Tag& tag, const fs::path& directory,
                                          const SaveOptions& options) {
  RETURN_IF_ERROR(ValidateTag(tag));
  if (tag.is_latest()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a model is saved under a version of its own: ", tag.ToString()));
  }
  if (!options.replace && IsDirectory(Directory(tag))) {
    return absl::AlreadyExistsError(absl::StrCat(tag.ToString(), " is in the store already"));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListModelFiles(directory));
  const auto save = [&]() -> absl::StatusOr<Manifest> {
    RETURN_IF_ERROR(CreateLayout());
    ScratchDirectory::SweepStale(models_ / kScratchFolder, kScratchPrefix);
    ASSIGN_OR_RETURN(const ScratchDirectory scratch,
                     ScratchDirectory::Create(models_ / kScratchFolder, kScratchPrefix));
    const fs::path staged = scratch.path() / "version";
    ASSIGN_OR_RETURN(Manifest manifest, Stage(tag, directory, names, staged));
    RETURN_IF_ERROR(Publish(tag, staged, options.replace));
    RETURN_IF_ERROR(WriteLatest(tag, options.set_latest, scratch.path()));
    return manifest;
  };
  absl::StatusOr<Manifest> manifest = save();
  if (!manifest.ok()) return Advise(manifest.status(), tag, models_);
  return manifest;
}

absl::Status ModelStore::PointLatest(const Tag& tag, SetLatest mode) {
  RETURN_IF_ERROR(ValidateTag(tag));
  if (tag.is_latest() || !IsDirectory(Directory(tag))) return NotFound(tag);
  std::error_code ignored;
  if (mode == SetLatest::kIfAbsent && fs::exists(models_ / tag.name / kLatestFileName, ignored)) {
    return absl::OkStatus();
  }
  const auto point = [&]() -> absl::Status {
    RETURN_IF_ERROR(CreateLayout());
    ASSIGN_OR_RETURN(const ScratchDirectory scratch,
                     ScratchDirectory::Create(models_ / kScratchFolder, kScratchPrefix));
    return WriteLatest(tag, mode, scratch.path());
  };
  return Advise(point(), tag, models_);
}

absl::Status ModelStore::CreateLayout() {
  std::error_code error;
  fs::create_directories(models_.parent_path(), error);
  if (error) {
    return absl::ErrnoToStatus(
        error.value(), absl::StrCat("cannot create the folder ", models_.parent_path().native()));
  }
  RETURN_IF_ERROR(file_system_.CreateDirectory(models_));
  return file_system_.CreateDirectory(models_ / kScratchFolder);
}

absl::StatusOr<Manifest> ModelStore::Stage(const Tag& tag, const fs::path& from,
                                           const std::vector<std::string>& names,
                                           const fs::path& staged) {
  Manifest manifest{tag, CreationTime()};
  RETURN_IF_ERROR(file_system_.CreateDirectory(staged));
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(FileDigest digest, file_system_.CopyFile(from / name, staged / name));
    manifest.files.push_back({name, digest.size_bytes, std::move(digest.sha256)});
  }
  // Read from the copy, so that the manifest tells of the bytes it stands beside.
  ASSIGN_OR_RETURN(ModelDescription description, DescribeModel(staged));
  manifest.task = std::move(description.task);
  manifest.architecture = std::move(description.architecture);
  RETURN_IF_ERROR(file_system_.WriteFile(staged / kManifestFileName, ToJson(manifest)));
  RETURN_IF_ERROR(file_system_.SyncDirectory(staged));
  return manifest;
}

absl::Status ModelStore::Publish(const Tag& tag, const fs::path& staged, bool replace) {
  RETURN_IF_ERROR(file_system_.CreateDirectory(models_ / tag.name));
  const fs::path target = Directory(tag);
  absl::Status status = file_system_.Rename(staged, target, RenameMode::kNoReplace);
  if (absl::IsAlreadyExists(status) && replace) {
    // The old version lands in the scratch folder and goes with it.
    status = file_system_.Rename(staged, target, RenameMode::kExchange);
  }
  if (absl::IsAlreadyExists(status)) {
    return absl::AlreadyExistsError(absl::StrCat(tag.ToString(), " is in the store already"));
  }
  RETURN_IF_ERROR(status);
  return file_system_.SyncDirectory(models_ / tag.name);
}

absl::Status ModelStore::WriteLatest(const Tag& tag, SetLatest mode, const fs::path& scratch) {
  if (mode == SetLatest::kNever) return absl::OkStatus();
  const fs::path staged = scratch / kLatestFileName;
  RETURN_IF_ERROR(file_system_.WriteFile(staged, tag.version + "\n"));
  const bool always = mode == SetLatest::kAlways;
  const absl::Status status =
      file_system_.Rename(staged, models_ / tag.name / kLatestFileName,
                          always ? RenameMode::kReplace : RenameMode::kNoReplace);
  if (!always && absl::IsAlreadyExists(status)) return absl::OkStatus();
  RETURN_IF_ERROR(status);
  return file_system_.SyncDirectory(models_ / tag.name);
}

ModelList ModelStore::List() const {
  ModelList list;
  for (const std::string& name : SubfolderNames(models_)) {
    for (const std::string& version : SubfolderNames(models_ / name)) {
      absl::StatusOr<Manifest> manifest = Get({name, version});
      if (manifest.ok()) {
        list.models.push_back(*std::move(manifest));
      } else {
        list.problems.push_back(manifest.status());
      }
    }
  }
  return list;
}

absl::StatusOr<Manifest> ModelStore::Get(const Tag& tag) const {
  RETURN_IF_ERROR(ValidateTag(tag));
  ASSIGN_OR_RETURN(const Tag exact, ResolveLatest(tag));
  const fs::path directory = Directory(exact);
  if (!IsDirectory(directory)) return NotFound(exact);
  const auto broken = [&](const absl::Status& status) {
    return absl::DataLossError(absl::StrCat(exact.ToString(), " is damaged: ", status.message(),
                                            "; remove ", directory.native(), " and save it again"));
  };
  const absl::StatusOr<std::string> text =
      ReadFile(directory / kManifestFileName, kMaxManifestBytes);
  if (!text.ok()) return broken(text.status());
  absl::StatusOr<Manifest> manifest = ParseManifest(*text);
  if (!manifest.ok()) return broken(manifest.status());
  if (manifest->tag != exact) {
    return broken(absl::DataLossError("its manifest is of " + manifest->tag.ToString()));
  }
  return manifest;
}

absl::StatusOr<Tag> ModelStore::ResolveLatest(const Tag& tag) const {
  if (!tag.is_latest()) return tag;
  const absl::StatusOr<std::string> text =
      ReadFile(models_ / tag.name / kLatestFileName, kMaxLatestBytes);
  if (absl::IsNotFound(text.status())) return NotFound(tag);
  RETURN_IF_ERROR(text.status());
  Tag exact{tag.name, std::string(absl::StripAsciiWhitespace(*text))};
  if (!IsValidTagPart(exact.version) || exact.is_latest()) {
    return absl::DataLossError(absl::StrCat((models_ / tag.name / kLatestFileName).native(),
                                            " must name a version: \"",
                                            absl::CEscape(exact.version), "\""));
  }
  return exact;
}

absl::StatusOr<ResolvedModel> ModelStore::Resolve(std::string_view text) const {
  if (IsPath(text)) return ResolvePath(text);
  ASSIGN_OR_RETURN(const Tag tag, ParseTag(text));
  absl::StatusOr<Manifest> manifest = Get(tag);
  if (absl::IsNotFound(manifest.status()) && IsDirectory(fs::path(text))) {
    return absl::NotFoundError(
        absl::StrCat(manifest.status().message(), "; the folder is written ./", AbslView(text)));
  }
  RETURN_IF_ERROR(manifest.status());
  return ResolvedModel{Directory(manifest->tag), manifest->tag};
}

absl::Status ModelStore::Verify(const Tag& tag) const {
  ASSIGN_OR_RETURN(const Manifest manifest, Get(tag));
  std::vector<std::string> damaged;
  for (const ManifestFile& file : manifest.files) {
    const absl::StatusOr<FileDigest> digest = DigestFile(Directory(manifest.tag) / file.name);
    if (!digest.ok()) {
      damaged.emplace_back(digest.status().message());
    } else if (digest->size_bytes != file.size_bytes || digest->sha256 != file.sha256) {
      damaged.push_back(file.name + " has changed");
    }
  }
  if (damaged.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(manifest.tag.ToString(), " is damaged: ", absl::StrJoin(damaged, "; ")));
}

absl::Status ModelStore::NotFound(const Tag& tag) const {
  std::vector<std::string> versions = SubfolderNames(models_ / tag.name);
  if (!versions.empty()) {
    return absl::NotFoundError(absl::StrCat("no model ", tag.ToString(), "; the versions of ",
                                            tag.name, " are: ", absl::StrJoin(versions, ", ")));
  }
  const std::vector<std::string> names = SubfolderNames(models_);
  return absl::NotFoundError(absl::StrCat(
      "no model ", tag.ToString(), " in ", models_.native(), "; ",
      names.empty() ? "there is none at all" : "there are: " + absl::StrJoin(names, ", ")));
}

}  // namespace chorus
