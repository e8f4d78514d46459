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

#include "absl/functional/function_ref.h"
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
  // Of a version of the store, of a folder empty:
  std::string content;      // ContentVersion,
  std::string native_code;  // and NativeCodeOf its files.
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

  // As Save, but moves the synced files from `directory`, which must be on the store's disk. If it
  // fails, files already moved are lost. Of `manifest` tag and files must be set; what else is set
  // stays, and what the files tell is added. Files of the folder that it does not name stay there.
  absl::StatusOr<Manifest> Adopt(Manifest manifest, const std::filesystem::path& directory,
                                 const SaveOptions& options = {});

  // Copies a version's files, and all its manifest says, under another tag. DATA_LOSS, with
  // nothing copied, if they are not what the manifest says; else as Save.
  absl::StatusOr<Manifest> Copy(const Tag& from, const Tag& to, const SaveOptions& options = {});

  // Lets `change` alter what people say of a version: labels, metadata, source and licence. What
  // else it alters is not kept. Changes at once come one after the other, each in one step. Returns
  // what is said then. `change`'s errors leave all as it was.
  absl::StatusOr<Manifest> Annotate(const Tag& tag,
                                    absl::FunctionRef<absl::Status(Manifest& said)> change);

  // A private folder on the store's disk, to prepare an Adopt in; and the copy of a model folder's
  // files in a new folder `to`, synced. NOT_FOUND if `from` is no model folder.
  absl::StatusOr<ScratchDirectory> CreateScratch() { return versions_.CreateScratch(); }
  absl::StatusOr<std::vector<ManifestFile>> CopyFiles(const std::filesystem::path& from,
                                                      const std::filesystem::path& to);
  absl::Status Advise(const absl::Status& status, std::string_view what) const {
    return versions_.Advise(status, what);
  }

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

  // Hashes every file again. DATA_LOSS names each that is missing, differs, or is not the
  // manifest's. NOT_FOUND also when the version is deleted meanwhile.
  absl::Status Verify(const Tag& tag) const;

  // Every version in the store, by tag, perhaps damaged.
  std::vector<Tag> Tags() const { return versions_.List(); }

  // DATA_LOSS for each name whose file `latest` is damaged or names no version.
  std::vector<absl::Status> CheckLatest() const { return versions_.CheckLatest(); }

 private:
  // For a file that lies in a folder of its own: before it comes into `staged`, and after.
  absl::Status MakeFolderOf(const std::string& name, const std::filesystem::path& staged);
  absl::Status SyncFolderOf(const std::string& name, const std::filesystem::path& staged);
  absl::StatusOr<std::vector<ManifestFile>> CopyFiles(const std::filesystem::path& from,
                                                      const std::vector<std::string>& names,
                                                      const std::filesystem::path& to);
  absl::StatusOr<Manifest> ReadManifest(const Tag& exact) const;
  absl::Status VerifyFiles(const Tag& exact) const;
  // Completes the manifest by what the staged files tell, and writes it beside them.
  absl::Status WriteManifest(const std::filesystem::path& staged, Manifest& manifest);

  VersionStore versions_;
  FileSystem& file_system_;
};

}  // namespace chorus::store
