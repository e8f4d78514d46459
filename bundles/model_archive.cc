#include "bundles/model_archive.h"

#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "bundles/archive.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::chorus::store::Manifest;
using ::chorus::store::ModelStore;

absl::Status Refuse(const std::string& why) {
  return absl::InvalidArgumentError("the archive is refused: " + why);
}

// Sorted by name, the manifest first.
std::vector<ArchiveFile> FilesOf(const Manifest& manifest, const ModelStore& models) {
  const fs::path directory = models.Directory(manifest.tag);
  const fs::path folder = fs::path("models") / manifest.tag.name / manifest.tag.version;
  std::vector<ArchiveFile> files;
  const auto add = [&](std::string_view name) {
    files.push_back({(folder / name).native(), directory / name});
  };
  add(store::kManifestFileName);
  for (const store::ManifestFile& file : manifest.files) add(file.name);
  return files;
}

// Nothing may come in unseen.
absl::Status CheckNothingElse(const Manifest& manifest, const ModelStore& models,
                              const fs::path& home) {
  std::set<fs::path> expected;
  for (const ArchiveFile& file : FilesOf(manifest, models)) expected.insert(file.path);
  std::error_code error;
  for (fs::recursive_directory_iterator it(home, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_directory() || expected.contains(it->path())) continue;
    return Refuse(it->path().lexically_relative(home).native() + " is not of the model");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<fs::path> ExportModel(const ModelStore& models, const store::Tag& tag,
                                     const fs::path& to) {
  ASSIGN_OR_RETURN(const Manifest manifest, models.Get(tag));
  RETURN_IF_ERROR(models.Verify(manifest.tag));
  std::error_code ignored;
  const fs::path file =
      fs::is_directory(to, ignored)
          ? to / absl::StrCat(manifest.tag.name, "-", manifest.tag.version, ".tar.gz")
          : to;
  RETURN_IF_ERROR(WriteArchive(FilesOf(manifest, models), manifest.created, file));
  return file;
}

absl::StatusOr<UnpackedModel> UnpackModel(const fs::path& archive, const fs::path& directory) {
  ArchiveLimits limits;
  std::error_code error;
  const fs::space_info space = fs::space(directory, error);
  if (!error) limits.max_total_bytes = static_cast<int64_t>(space.available);
  RETURN_IF_ERROR(ExtractArchive(archive, limits, directory));
  const ModelStore models(directory);
  store::ModelList list = models.List();
  if (!list.problems.empty()) return Refuse(std::string(list.problems[0].message()));
  if (list.models.size() != 1) {
    return Refuse(absl::StrCat("it must hold one model, and holds ", list.models.size()));
  }
  Manifest& manifest = list.models[0];
  RETURN_IF_ERROR(CheckNothingElse(manifest, models, directory));
  if (const absl::Status status = models.Verify(manifest.tag); !status.ok()) {
    return Refuse(std::string(status.message()));
  }
  const fs::path folder = models.Directory(manifest.tag);
  return UnpackedModel{std::move(manifest), folder};
}

}  // namespace chorus
