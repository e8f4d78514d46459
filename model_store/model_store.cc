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
  return ResolvedModel{directory, std::nullopt, "", ""};
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
  Manifest manifest{.tag = tag};
  RETURN_IF_ERROR(versions_.Save(tag, options, [&](const fs::path& staged) -> absl::Status {
    ASSIGN_OR_RETURN(manifest.files, CopyFiles(directory, names, staged));
    return WriteManifest(staged, manifest);
  }));
  return manifest;
}

absl::StatusOr<std::vector<ManifestFile>> ModelStore::CopyFiles(const fs::path& from,
                                                                const fs::path& to) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListModelFiles(from));
  return CopyFiles(from, names, to);
}

absl::StatusOr<std::vector<ManifestFile>> ModelStore::CopyFiles(
    const fs::path& from, const std::vector<std::string>& names, const fs::path& to) {
  std::vector<ManifestFile> files;
  RETURN_IF_ERROR(file_system_.CreateDirectory(to));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(MakeFolderOf(name, to));
    ASSIGN_OR_RETURN(FileDigest digest, file_system_.CopyFile(from / name, to / name));
    RETURN_IF_ERROR(SyncFolderOf(name, to));
    files.push_back({name, digest.size_bytes, std::move(digest.sha256)});
  }
  return files;
}

absl::StatusOr<Manifest> ModelStore::Adopt(Manifest manifest, const fs::path& directory,
                                           const SaveOptions& options) {
  const std::vector<ManifestFile> files = manifest.files;
  std::ranges::sort(manifest.files, {}, &ManifestFile::name);
  RETURN_IF_ERROR(versions_.Save(manifest.tag, options, [&](const fs::path& staged) {
    RETURN_IF_ERROR(file_system_.CreateDirectory(staged));
    for (const ManifestFile& file : files) {
      RETURN_IF_ERROR(MakeFolderOf(file.name, staged));
      RETURN_IF_ERROR(
          file_system_.Rename(directory / file.name, staged / file.name, RenameMode::kNoReplace));
      RETURN_IF_ERROR(SyncFolderOf(file.name, staged));
    }
    return WriteManifest(staged, manifest);
  }));
  return manifest;
}

absl::Status ModelStore::MakeFolderOf(const std::string& name, const fs::path& staged) {
  if (IsPlainFileName(name)) return absl::OkStatus();
  return file_system_.CreateDirectory((staged / name).parent_path());
}

absl::Status ModelStore::SyncFolderOf(const std::string& name, const fs::path& staged) {
  if (IsPlainFileName(name)) return absl::OkStatus();  // WriteManifest does.
  return file_system_.SyncDirectory((staged / name).parent_path());
}

absl::StatusOr<Manifest> ModelStore::Copy(const Tag& from, const Tag& to,
                                          const SaveOptions& options) {
  ASSIGN_OR_RETURN(Manifest manifest, Get(from));
  const fs::path directory = Directory(manifest.tag);
  const std::string source = manifest.tag.ToString();
  manifest.tag = to;
  std::vector<std::string> names;
  for (const ManifestFile& file : manifest.files) names.push_back(file.name);
  RETURN_IF_ERROR(versions_.Save(to, options, [&](const fs::path& staged) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<ManifestFile> files, CopyFiles(directory, names, staged));
    if (files != manifest.files) {
      return absl::DataLossError(absl::StrCat(source, " is damaged: chorus models verify ", source,
                                              " says which of its files have changed"));
    }
    return WriteManifest(staged, manifest);
  }));
  return manifest;
}

absl::StatusOr<Manifest> ModelStore::Annotate(
    const Tag& tag, absl::FunctionRef<absl::Status(Manifest& said)> change) {
  Manifest manifest;
  const auto rewrite = [&](const Tag& exact) -> absl::StatusOr<std::string> {
    ASSIGN_OR_RETURN(manifest, Get(exact));
    Manifest said = manifest;
    RETURN_IF_ERROR(change(said));
    manifest.labels = std::move(said.labels);
    manifest.metadata = std::move(said.metadata);
    manifest.source = std::move(said.source);
    manifest.licence = std::move(said.licence);
    return ToJson(manifest);
  };
  RETURN_IF_ERROR(versions_.ChangeFile(tag, kManifestFileName, rewrite));
  return manifest;
}

// What files tell is read from what was staged, so that the manifest tells of the bytes it stands
// beside. Weights that cannot be read are for the runner to refuse.
absl::Status ModelStore::WriteManifest(const fs::path& staged, Manifest& manifest) {
  if (manifest.created == absl::UnixEpoch()) manifest.created = CreationTime();
  ASSIGN_OR_RETURN(ModelDescription description, DescribeModel(staged));
  manifest.task = std::move(description.task);
  manifest.architecture = std::move(description.architecture);
  absl::StatusOr<WeightsDescription> weights = DescribeWeights(staged);
  if (weights.ok()) {
    manifest.dtype = std::move(weights->dtype);
    manifest.num_parameters = weights->num_parameters;
  }
  if (manifest.licence.empty()) manifest.licence = LicenceOf(staged);
  RETURN_IF_ERROR(file_system_.WriteFile(staged / kManifestFileName, ToJson(manifest)));
  return file_system_.SyncDirectory(staged);
}

ModelList ModelStore::List() const {
  ModelList list;
  for (const Tag& tag : versions_.List()) {
    absl::StatusOr<Manifest> manifest = Get(tag);
    if (manifest.ok()) {
      list.models.push_back(*std::move(manifest));
    } else if (!absl::IsNotFound(manifest.status())) {  // Deleted meanwhile.
      list.problems.push_back(manifest.status());
    }
  }
  return list;
}

absl::StatusOr<Manifest> ModelStore::Get(const Tag& tag) const {
  ASSIGN_OR_RETURN(const Tag exact, versions_.Find(tag));
  const std::string state = versions_.StateOf(exact);
  absl::StatusOr<Manifest> manifest = ReadManifest(exact);
  if (!manifest.ok() && versions_.StateOf(exact) != state) return Get(tag);
  return manifest;
}

absl::StatusOr<Manifest> ModelStore::ReadManifest(const Tag& exact) const {
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
  return ResolvedModel{Directory(manifest->tag), manifest->tag, ContentVersion(manifest->files),
                       NativeCodeOf(manifest->files)};
}

absl::Status ModelStore::Verify(const Tag& tag) const {
  ASSIGN_OR_RETURN(const Tag exact, versions_.Find(tag));
  const std::string state = versions_.StateOf(exact);
  const absl::Status status = VerifyFiles(exact);
  if (!status.ok() && versions_.StateOf(exact) != state) return Verify(tag);
  return status;
}

absl::Status ModelStore::VerifyFiles(const Tag& exact) const {
  ASSIGN_OR_RETURN(const Manifest manifest, Get(exact));
  std::vector<std::string> damaged;
  for (const ManifestFile& file : manifest.files) {
    const absl::StatusOr<FileDigest> digest = DigestFile(Directory(manifest.tag) / file.name);
    if (!digest.ok()) {
      damaged.emplace_back(digest.status().message());
    } else if (digest->size_bytes != file.size_bytes || digest->sha256 != file.sha256) {
      damaged.push_back(file.name + " has changed");
    }
  }
  absl::StatusOr<std::vector<std::string>> names = ListModelFiles(Directory(manifest.tag));
  if (names.ok()) {
    for (const ManifestFile& file : manifest.files) std::erase(*names, file.name);
    for (const std::string& name : *names) damaged.push_back(name + " is none of its files");
  } else if (!absl::IsNotFound(names.status())) {  // Without config.json: said above.
    damaged.emplace_back(names.status().message());
  }
  if (damaged.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(manifest.tag.ToString(), " is damaged: ", absl::StrJoin(damaged, "; ")));
}

}  // namespace chorus::store
