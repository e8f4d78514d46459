#pragma once

// Folders on disk by tag, each published whole:
//
//   ROOT/<name>/<version>/    whatever was staged
//   ROOT/<name>/latest        a file that names a version
//   ROOT/.tmp/<random>/       a save in progress, or what a crash left of one
//
// A version appears, is replaced, or goes by one rename, after all its bytes are synced: whenever
// the process or the machine stops, every tag is either as it was or as it was to be. What a dead
// save left behind is removed by the next one.
//
// Thread safety: const methods, and Save from any number of threads and processes at once; of two
// savers of one tag exactly one wins.
//
// Errors, besides those named at each method: RESOURCE_EXHAUSTED for a full disk, PERMISSION_DENIED
// or FAILED_PRECONDITION where the store cannot be written; the message says what to do.

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

namespace chorus {

enum class SetLatest { kAlways, kIfAbsent, kNever };

struct SaveOptions {
  // Whether the tag may exist already; the old version then makes place at once.
  bool replace = false;
  SetLatest set_latest = SetLatest::kAlways;
};

class VersionStore {
 public:
  // Nothing is created before the first change. `noun` is what errors call a version, such as
  // "model". `file_system` must outlive the store.
  VersionStore(const std::filesystem::path& root, std::string_view noun, FileSystem& file_system);

  const std::filesystem::path& root() const { return root_; }

  // Where a version lies, by name alone; nothing is looked up.
  std::filesystem::path Directory(const Tag& tag) const { return root_ / tag.name / tag.version; }

  // Calls `stage` to make and fill the folder of the path it is given, with all its bytes synced,
  // and publishes that. ALREADY_EXISTS without `replace`; INVALID_ARGUMENT for a tag without a
  // version of its own; `stage`'s errors.
  absl::Status Save(const Tag& tag, const SaveOptions& options,
                    absl::FunctionRef<absl::Status(const std::filesystem::path& staged)> stage);

  // Points `tag.name`'s latest at an existing version.
  absl::Status PointLatest(const Tag& tag, SetLatest mode);

  // If it was the latest, the one that was written last of those left takes its place. NOT_FOUND
  // when there is no such version; an unversioned tag stands for the latest.
  absl::Status Delete(const Tag& tag);

  // A private folder on the store's disk, to prepare what is to be saved.
  absl::StatusOr<ScratchDirectory> CreateScratch();

  // The versions there are, by tag; an absent store has none.
  std::vector<Tag> List() const;

  // `tag` with "latest" resolved; the version exists. NOT_FOUND names the tags there are; DATA_LOSS
  // when the file `latest` names no version.
  absl::StatusOr<Tag> Find(const Tag& tag) const;

 private:
  absl::Status CreateLayout();
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

}  // namespace chorus
