#include "bundles/bundle_archive.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "bundles/archive.h"
#include "bundles/bundle_store.h"
#include "bundles/pinned_models.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::chorus::config::v1::Bundle;
using ::chorus::config::v1::BundleFile;
using ::chorus::config::v1::PinnedModel;

absl::Time CreatedOf(const Bundle& bundle) {
  absl::Time created;
  std::string ignored;
  absl::ParseTime(absl::RFC3339_full, bundle.created(), &created, &ignored);
  return created;
}

std::vector<ArchiveFile> FilesOf(const Bundle& bundle, const fs::path& home) {
  const BundleStore bundles(home);
  const store::ModelStore models(home);
  std::vector<ArchiveFile> files;
  const auto add = [&](const fs::path& directory, const std::string& name) {
    const fs::path path = directory / name;
    files.push_back({path.lexically_relative(fs::absolute(home)).native(), path});
  };
  const fs::path directory = bundles.Directory(TagOf(bundle));
  add(directory, kBundleFileName);
  for (const BundleFile& file : bundle.files()) add(directory, file.name());
  std::vector<std::string> tags;  // One model may be that of two runners.
  for (const PinnedModel& model : bundle.models()) {
    if (std::find(tags.begin(), tags.end(), model.tag()) != tags.end()) continue;
    tags.push_back(model.tag());
    add(models.Directory(TagOf(model)), std::string(store::kManifestFileName));
    for (const BundleFile& file : model.files()) add(models.Directory(TagOf(model)), file.name());
  }
  return files;
}

// The one bundle of the home.
absl::StatusOr<Bundle> OnlyBundle(const fs::path& home) {
  BundleList list = BundleStore(home).List();
  if (!list.problems.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the archive is refused: ", list.problems[0].message()));
  }
  if (list.bundles.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the archive is refused: it must hold one bundle, and holds ", list.bundles.size()));
  }
  return std::move(list.bundles[0]);
}

// Nothing may come in unseen.
absl::Status CheckNothingElse(const Bundle& bundle, const fs::path& home) {
  std::set<fs::path> expected;
  for (const ArchiveFile& file : FilesOf(bundle, home)) expected.insert(file.path);
  std::error_code error;
  for (fs::recursive_directory_iterator it(home, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_directory() || expected.contains(it->path())) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the archive is refused: ", it->path().lexically_relative(home).native(),
                     " is neither of the bundle nor of its models"));
  }
  return absl::OkStatus();
}

// Native code comes in only by a verb of its own, which names its hash.
absl::Status CheckNativeCode(const Bundle& bundle, const fs::path& home) {
  const store::ModelStore models(home);
  for (const PinnedModel& model : bundle.models()) {
    const bool has_code = std::ranges::any_of(model.files(), [](const BundleFile& file) {
      return file.name() == store::kNativeCodeName;
    });
    if (!has_code || models.Find(TagOf(model)).ok()) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "the archive is refused: its model ", model.tag(), " brings native code, ",
        store::kNativeCodeName, ": import that model itself first, with chorus models import"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<fs::path> ExportBundle(const Bundle& bundle, const fs::path& home,
                                      const fs::path& to) {
  RETURN_IF_ERROR(BundleStore(home).Verify(bundle));
  RETURN_IF_ERROR(VerifyPinnedModels(bundle, store::ModelStore(home)));
  std::error_code ignored;
  const fs::path file = fs::is_directory(to, ignored)
                            ? to / absl::StrCat(bundle.name(), "-", bundle.version(), ".tar.gz")
                            : to;
  RETURN_IF_ERROR(WriteArchive(FilesOf(bundle, home), CreatedOf(bundle), file));
  return file;
}

absl::StatusOr<Bundle> ImportBundle(const fs::path& archive, const fs::path& home) {
  BundleStore bundles(home);
  ASSIGN_OR_RETURN(const store::ScratchDirectory scratch, bundles.CreateScratch());
  ArchiveLimits limits;
  std::error_code error;
  const fs::space_info space = fs::space(scratch.path(), error);
  if (!error) limits.max_total_bytes = static_cast<int64_t>(space.available);
  RETURN_IF_ERROR(ExtractArchive(archive, limits, scratch.path()));
  ASSIGN_OR_RETURN(Bundle bundle, OnlyBundle(scratch.path()));
  RETURN_IF_ERROR(CheckNothingElse(bundle, scratch.path()));
  RETURN_IF_ERROR(CheckNativeCode(bundle, home));
  RETURN_IF_ERROR(CopyBundle(bundle, scratch.path(), home));
  RETURN_IF_ERROR(bundles.PointLatest(TagOf(bundle)));
  return bundle;
}

}  // namespace chorus
