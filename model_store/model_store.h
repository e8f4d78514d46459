#pragma once

// Models on disk, by tag, in $CHORUS_HOME/models: a version's folder holds the model's files and
// manifest.json.
//
// Thread safety and general errors: as VersionStore.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model_store/file_system.h"
#include "model_store/manifest.h"
#include "model_store/tag.h"
#include "model_store/version_store.h"

namespace chorus::store {

// A model to load: a version of the store, or any folder.
struct ResolvedModel {
  std::filesystem::path directory;
  std::optional<Tag>
      tag;  // Unset for a folder outside the store; else its version is never "latest".
};

struct ModelList {
  std::vector<Manifest> models;        // By tag.
  std::vector<absl::Status> problems;  // One for each version whose manifest cannot be read.
};

// Whether ModelStore::Resolve would read `text` as a path, and that folder exists, with a model or
// not.
bool IsModelFolder(std::string_view text);

class ModelStore {
 public:
  // $CHORUS_HOME, else ~/.chorus. FAILED_PRECONDITION when neither variable is set.
  static absl::StatusOr<std::filesystem::path> DefaultHome();

  // Nothing is created before the first Save. `file_system` must outlive the store.
  explicit ModelStore(const std::filesystem::path& home,
                      FileSystem& file_system = FileSystem::Real());

  // Copies the folder's files. ALREADY_EXISTS without `replace`; INVALID_ARGUMENT for a tag without
  // a version of its own; NOT_FOUND if `directory` is no model folder.
  absl::StatusOr<Manifest> Save(const Tag& tag, const std::filesystem::path& directory,
                                const SaveOptions& options = {});

  // As Save, but moves the synced `files` from `directory`, which must be on the store's disk. If
  // it fails, files already moved are lost.
  absl::StatusOr<Manifest> Adopt(const Tag& tag, const std::filesystem::path& directory,
                                 const std::vector<ManifestFile>& files, const ModelSource& source,
                                 const SaveOptions& options = {});

  // The folder of all models; absent before the first Save.
  const std::filesystem::path& root() const { return versions_.root(); }

  // Points `tag.name`'s latest at an existing version.
  absl::Status PointLatest(const Tag& tag, SetLatest mode) {
    return versions_.PointLatest(tag, mode);
  }

  // As VersionStore::Find: the version exists, perhaps damaged.
  absl::StatusOr<Tag> Find(const Tag& tag) const { return versions_.Find(tag); }

  absl::Status Delete(const Tag& tag) { return versions_.Delete(tag); }

  // An absent store is empty.
  ModelList List() const;

  // NOT_FOUND lists the existing tags; DATA_LOSS if the manifest is missing or wrong.
  absl::StatusOr<Manifest> Get(const Tag& tag) const;

  // The folder of a version, whether it exists or not.
  std::filesystem::path Directory(const Tag& tag) const { return versions_.Directory(tag); }

  // "name", "name:latest", "name:version", or, if it has a slash or is "." or "..", the path of a
  // model folder. INVALID_ARGUMENT if it is neither; NOT_FOUND; for a folder also the errors of
  // FindModelWeights and DescribeModel.
  absl::StatusOr<ResolvedModel> Resolve(std::string_view text) const;

  // Hashes every file again. DATA_LOSS names each that is missing or differs.
  absl::Status Verify(const Tag& tag) const;

 private:
  absl::StatusOr<Manifest> Stage(const Tag& tag, const std::filesystem::path& from,
                                 const std::vector<std::string>& names,
                                 const std::filesystem::path& staged);
  // Completes the manifest from the staged files, and writes it beside them.
  absl::Status WriteManifest(const std::filesystem::path& staged, Manifest& manifest);

  VersionStore versions_;
  FileSystem& file_system_;
};

}  // namespace chorus::store
