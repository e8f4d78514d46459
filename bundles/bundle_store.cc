#include "bundles/bundle_store.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "config/yaml_writer.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::chorus::config::v1::Bundle;
using ::chorus::config::v1::BundleFile;

constexpr int64_t kMaxBundleFileBytes = 16 << 20;  // Of bundle.yaml.

// The folders that the bundle's files lie in, outer ones first.
std::set<fs::path> FoldersOf(const Bundle& bundle) {
  std::set<fs::path> folders;
  for (const BundleFile& file : bundle.files()) {
    for (fs::path folder = fs::path(file.name()).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
      folders.insert(folder);
    }
  }
  return folders;
}

}  // namespace

BundleStore::BundleStore(const fs::path& home, store::FileSystem& file_system)
    : versions_(home / "bundles", "bundle", file_system), file_system_(file_system) {}

absl::Status BundleStore::Save(const Bundle& bundle, const fs::path& directory) {
  return versions_.Save(TagOf(bundle), {},
                        [&](const fs::path& staged) { return Stage(bundle, directory, staged); });
}

absl::Status BundleStore::Stage(const Bundle& bundle, const fs::path& from,
                                const fs::path& staged) {
  const std::string yaml = FormatYaml(bundle);
  RETURN_IF_ERROR(ParseBundle(yaml, kBundleFileName).status());  // What is saved can be read.
  RETURN_IF_ERROR(file_system_.CreateDirectory(staged));
  const std::set<fs::path> folders = FoldersOf(bundle);
  for (const fs::path& folder : folders) {
    RETURN_IF_ERROR(file_system_.CreateDirectory(staged / folder));
  }
  for (const BundleFile& file : bundle.files()) {
    ASSIGN_OR_RETURN(const store::FileDigest digest,
                     file_system_.CopyFile(from / file.name(), staged / file.name()));
    if (digest.sha256 != file.sha256() || digest.size_bytes != file.size_bytes()) {
      return absl::DataLossError(absl::StrCat(
          TagOf(bundle).ToString(), " is damaged: ", file.name(), " is not what bundle.yaml says"));
    }
  }
  RETURN_IF_ERROR(file_system_.WriteFile(staged / kBundleFileName, yaml));
  for (const fs::path& folder : folders) {
    RETURN_IF_ERROR(file_system_.SyncDirectory(staged / folder));
  }
  return file_system_.SyncDirectory(staged);
}

BundleList BundleStore::List() const {
  BundleList list;
  for (const store::Tag& tag : versions_.List()) {
    absl::StatusOr<Bundle> bundle = Get(tag);
    if (bundle.ok()) {
      list.bundles.push_back(*std::move(bundle));
    } else if (!absl::IsNotFound(bundle.status())) {  // Deleted meanwhile.
      list.problems.push_back(bundle.status());
    }
  }
  return list;
}

absl::StatusOr<Bundle> BundleStore::Get(const store::Tag& tag) const {
  ASSIGN_OR_RETURN(const store::Tag exact, versions_.Find(tag));
  const std::string state = versions_.StateOf(exact);
  absl::StatusOr<Bundle> bundle = Read(exact);
  if (!bundle.ok() && versions_.StateOf(exact) != state) return Get(tag);
  return bundle;
}

absl::StatusOr<Bundle> BundleStore::Read(const store::Tag& exact) const {
  const auto broken = [&](const absl::Status& status) {
    return absl::DataLossError(absl::StrCat(exact.ToString(), " is damaged: ", status.message(),
                                            "; delete it and build or import it again"));
  };
  const fs::path file = Directory(exact) / kBundleFileName;
  const absl::StatusOr<std::string> text = ReadFile(file, kMaxBundleFileBytes);
  if (!text.ok()) return broken(text.status());
  absl::StatusOr<Bundle> bundle = ParseBundle(*text, file.native());
  if (!bundle.ok()) return broken(bundle.status());
  if (TagOf(*bundle) != exact) {
    return broken(absl::DataLossError("its bundle.yaml is of " + TagOf(*bundle).ToString()));
  }
  return bundle;
}

absl::Status BundleStore::Verify(const Bundle& bundle) const {
  google::protobuf::RepeatedPtrField<BundleFile> found;
  for (const BundleFile& file : bundle.files()) {
    const absl::StatusOr<store::FileDigest> digest =
        store::DigestFile(Directory(TagOf(bundle)) / file.name());
    if (!digest.ok()) continue;
    BundleFile& entry = *found.Add();
    entry.set_name(file.name());
    entry.set_size_bytes(digest->size_bytes);
    entry.set_sha256(digest->sha256);
  }
  const std::string changed = Difference(bundle.files(), found);
  if (changed.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(Find(TagOf(bundle)).status());  // Deleted meanwhile.
  return absl::DataLossError(absl::StrCat(TagOf(bundle).ToString(),
                                          " is damaged: changed since it was built: ", changed,
                                          "; delete it and build or import it again"));
}

}  // namespace chorus
