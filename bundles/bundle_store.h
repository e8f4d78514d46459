#pragma once

// Bundles on disk, by tag, in $CHORUS_HOME/bundles; bundle.h shows the layout of a version. The
// models are in the model store; the bundle pins them.
//
// Thread safety and general errors: as VersionStore.

#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bundles/bundle.h"
#include "model_store/file_system.h"
#include "model_store/version_store.h"

namespace chorus {

struct BundleList {
  std::vector<config::v1::Bundle> bundles;  // By tag.
  std::vector<absl::Status> problems;       // One for each version that cannot be read.
};

class BundleStore {
 public:
  // `home` is normally ModelStore::DefaultHome(). Nothing is created before the first Save.
  // `file_system` must outlive the store.
  explicit BundleStore(const std::filesystem::path& home,
                       store::FileSystem& file_system = store::FileSystem::Real());

  // Copies the bundle's files from `directory` and makes it the latest. DATA_LOSS if a file is not
  // what the bundle says; ALREADY_EXISTS.
  absl::Status Save(const config::v1::Bundle& bundle, const std::filesystem::path& directory);

  BundleList List() const;

  // NOT_FOUND lists the existing tags; DATA_LOSS if bundle.yaml is missing or wrong.
  absl::StatusOr<config::v1::Bundle> Get(const store::Tag& tag) const;

  // As VersionStore::Find: the version exists, perhaps damaged.
  absl::StatusOr<store::Tag> Find(const store::Tag& tag) const { return versions_.Find(tag); }

  // The folder of a version, whether it exists or not.
  std::filesystem::path Directory(const store::Tag& tag) const { return versions_.Directory(tag); }

  // Hashes the bundle's own files again. DATA_LOSS names each that is missing or differs; NOT_FOUND
  // if the bundle is not there.
  absl::Status Verify(const config::v1::Bundle& bundle) const;

  absl::Status Delete(const store::Tag& tag) { return versions_.Delete(tag); }
  absl::Status PointLatest(const store::Tag& tag) {
    return versions_.PointLatest(tag, store::SetLatest::kAlways);
  }

  // A private folder on the store's disk, to prepare a Save in.
  absl::StatusOr<store::ScratchDirectory> CreateScratch() { return versions_.CreateScratch(); }

 private:
  absl::StatusOr<config::v1::Bundle> Read(const store::Tag& exact) const;
  absl::Status Stage(const config::v1::Bundle& bundle, const std::filesystem::path& from,
                     const std::filesystem::path& staged);

  store::VersionStore versions_;
  store::FileSystem& file_system_;
};

}  // namespace chorus
