#include "model_store/model_store.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/model_weights.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model_store/model_files.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxManifestBytes = 16 << 20;

// Now, in whole seconds; or the moment that SOURCE_DATE_EPOCH names, for those who build an image
// twice and want the same bytes.
absl::Time CreationTime() {
  int64_t seconds = absl::ToUnixSeconds(absl::Now());
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH"); epoch != nullptr) {
    if (int64_t given = 0; absl::SimpleAtoi(epoch, &given)) seconds = given;
  }
  return absl::FromUnixSeconds(seconds);
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
  ASSIGN_OR_RETURN(const ModelDescription description, DescribeModel(directory));
  RETURN_IF_ERROR(FindModelWeights(directory, description.architecture).status());
  return ResolvedModel{directory, std::nullopt};
}

}  // namespace

bool IsModelFolder(std::string_view text) { return IsPath(text) && IsDirectory(fs::path(text)); }

absl::StatusOr<fs::path> ModelStore::DefaultHome() {
  if (const char* home = std::getenv("CHORUS_HOME"); home != nullptr && *home != '\0') return home;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return fs::path(home) / ".chorus";
  }
  return absl::FailedPreconditionError(
      "there is no home folder to keep models in: set CHORUS_HOME to a folder");
}

ModelStore::ModelStore(const fs::path& home, FileSystem& file_system)
    : versions_(home / "models", "model", file_system), file_system_(file_system) {}

absl::StatusOr<Manifest> ModelStore::Save(const Tag& tag, const fs::path& directory,
                                          const SaveOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListModelFiles(directory));
  absl::StatusOr<Manifest> manifest;
  RETURN_IF_ERROR(versions_.Save(tag, options, [&](const fs::path& staged) {
    manifest = Stage(tag, directory, names, staged);
    return manifest.status();
  }));
  return manifest;
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
  RETURN_IF_ERROR(WriteManifest(staged, manifest));
  return manifest;
}

absl::StatusOr<Manifest> ModelStore::Adopt(const Tag& tag, const fs::path& directory,
                                           const std::vector<ManifestFile>& files,
                                           const ModelSource& source, const SaveOptions& options) {
  Manifest manifest{.tag = tag, .created = CreationTime(), .files = files, .source = source};
  std::ranges::sort(manifest.files, {}, &ManifestFile::name);
  RETURN_IF_ERROR(versions_.Save(tag, options, [&](const fs::path& staged) {
    RETURN_IF_ERROR(file_system_.CreateDirectory(staged));
    for (const ManifestFile& file : files) {
      RETURN_IF_ERROR(
          file_system_.Rename(directory / file.name, staged / file.name, RenameMode::kNoReplace));
    }
    return WriteManifest(staged, manifest);
  }));
  return manifest;
}

// The description is read from what was staged, so that the manifest tells of the bytes it stands
// beside.
absl::Status ModelStore::WriteManifest(const fs::path& staged, Manifest& manifest) {
  ASSIGN_OR_RETURN(ModelDescription description, DescribeModel(staged));
  manifest.task = std::move(description.task);
  manifest.architecture = std::move(description.architecture);
  RETURN_IF_ERROR(file_system_.WriteFile(staged / kManifestFileName, ToJson(manifest)));
  return file_system_.SyncDirectory(staged);
}

ModelList ModelStore::List() const {
  ModelList list;
  for (const Tag& tag : versions_.List()) {
    absl::StatusOr<Manifest> manifest = Get(tag);
    if (manifest.ok()) {
      list.models.push_back(*std::move(manifest));
    } else {
      list.problems.push_back(manifest.status());
    }
  }
  return list;
}

absl::StatusOr<Manifest> ModelStore::Get(const Tag& tag) const {
  ASSIGN_OR_RETURN(const Tag exact, versions_.Find(tag));
  const fs::path directory = Directory(exact);
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

}  // namespace chorus::store
