#pragma once

// Folders on disk by tag, each published whole:
//
//   ROOT/<name>/<version>/    whatever was staged
//   ROOT/<name>/latest        a file that names a version
//   ROOT/.tmp/<random>/       a save in progress, or what a crash left of one
//   ROOT/.lock                held while something is published, changed or deleted
//
// A version appears, is replaced or goes by one rename, after all its bytes are synced: after a
// crash every tag is in its old or its new state. The next save removes what a dead one left.
//
// Thread safety: all methods may be called from any number of threads and processes at once, of one
// object or of several; of two savers of one tag exactly one wins. Where a disk has no locks
// (file_lock.h), of two changes of one file at once the later one stays.
//
// Errors, besides those of each method: RESOURCE_EXHAUSTED for a full disk, PERMISSION_DENIED or
// FAILED_PRECONDITION if the store is not writable; the message says what to do.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model_store/file_system.h"
#include "model_store/scratch_directory.h"
#include "model_store/tag.h"

namespace chorus::store {

enum class SetLatest { kAlways, kIfAbsent, kNever };

struct SaveOptions {
  // Whether an existing version may be replaced, atomically.
  bool replace = false;
  SetLatest set_latest = SetLatest::kAlways;
};

class VersionStore {
 public:
  // Nothing is created before the first change. `noun` names a version in errors, such as "model".
  // `file_system` must outlive the store.
  VersionStore(const std::filesystem::path& root, std::string_view noun, FileSystem& file_system);

  const std::filesystem::path& root() const { return root_; }

  // The folder of a version, whether it exists or not.
  std::filesystem::path Directory(const Tag& tag) const { return root_ / tag.name / tag.version; }

  // Calls `stage` to create and fill the folder `staged`, all bytes synced, and publishes it.
  // ALREADY_EXISTS without `replace`; INVALID_ARGUMENT for a tag without a version of its own;
  // `stage`'s errors.
  absl::Status Save(const Tag& tag, const SaveOptions& options,
                    absl::FunctionRef<absl::Status(const std::filesystem::path& staged)> stage);

  // Points `tag.name`'s latest at an existing version.
  absl::Status PointLatest(const Tag& tag, SetLatest mode);

  // Replaces a file of an existing version in one step, which makes the version no newer for
  // Delete, by what `change` makes of it. Meanwhile nothing else changes, and `change` must not
  // change the store either. NOT_FOUND; `change`'s errors.
  absl::Status ChangeFile(const Tag& tag, std::string_view name,
                          absl::FunctionRef<absl::StatusOr<std::string>(const Tag& exact)> change);

  // A tag without a version means the latest. If the latest is deleted, the most recently written
  // of the others takes its place. NOT_FOUND.
  absl::Status Delete(const Tag& tag);

  // A private folder on the store's disk, to prepare a Save in.
  absl::StatusOr<ScratchDirectory> CreateScratch();

  // An error of the disk, with what could not be done ("save gpt2:v1") and what to do; others as
  // they are.
  absl::Status Advise(const absl::Status& status, std::string_view what) const;

  // All versions, by tag; an absent store has none.
  std::vector<Tag> List() const;

  // Empty if the version is not there. Another text once it has been deleted, replaced or changed:
  // what was read of it before and after may not belong together.
  std::string StateOf(const Tag& tag) const;

  // DATA_LOSS for each name whose file `latest` is damaged or names no version.
  std::vector<absl::Status> CheckLatest() const;

  // `tag` with "latest" resolved; the version exists. NOT_FOUND lists the existing tags; DATA_LOSS
  // if the file `latest` names no version.
  absl::StatusOr<Tag> Find(const Tag& tag) const;

 private:
  absl::Status CreateLayout();
  std::filesystem::path LockFile() const;
  absl::StatusOr<Tag> ResolveLatest(const Tag& tag) const;
  absl::Status Publish(const Tag& tag, const std::filesystem::path& staged, bool replace);
  absl::Status WriteLatest(const Tag& tag, SetLatest mode, const std::filesystem::path& scratch);
  absl::Status Remove(const Tag& tag, const std::filesystem::path& scratch);
  absl::Status AlreadyExists(const Tag& tag) const;
  absl::Status NotFound(const Tag& tag) const;

  const std::filesystem::path root_;
  const std::string noun_;
  FileSystem& file_system_;
};

}  // namespace chorus::store
