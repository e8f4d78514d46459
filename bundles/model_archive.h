#pragma once

// A model in one file: a gzipped tar archive with the folder `models` of a home that holds nothing
// else, so manifest.json and the model's files in models/NAME/VERSION/.
//
// Thread safety: as ModelStore. Errors also as archive.h's.

#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model_store/model_store.h"

namespace chorus {

// Verifies the model and writes the archive; if `to` is a folder, as NAME-VERSION.tar.gz in it.
// The same version gives the same bytes. Returns the file's path.
absl::StatusOr<std::filesystem::path> ExportModel(const store::ModelStore& models,
                                                  const store::Tag& tag,
                                                  const std::filesystem::path& to);

struct UnpackedModel {
  store::Manifest manifest;
  std::filesystem::path directory;  // Its files.
};

// Unpacks what ExportModel wrote into `directory`, which must be empty and private, and verifies
// every hash. INVALID_ARGUMENT if the archive holds anything but one model.
absl::StatusOr<UnpackedModel> UnpackModel(const std::filesystem::path& archive,
                                          const std::filesystem::path& directory);

}  // namespace chorus
