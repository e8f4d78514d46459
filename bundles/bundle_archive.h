#pragma once

// A bundle and its models in one file: a gzipped tar archive with the folders `bundles` and
// `models` of a home that holds nothing else.
//
// Thread safety: as the stores. Errors also as those of CopyBundle and archive.h.

#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bundles/bundle.h"

namespace chorus {

// Verifies the bundle and writes the archive; if `to` is a folder, as NAME-VERSION.tar.gz in it.
// Returns the file's path.
absl::StatusOr<std::filesystem::path> ExportBundle(const config::v1::Bundle& bundle,
                                                   const std::filesystem::path& home,
                                                   const std::filesystem::path& to);

// Unpacks, verifies every hash, and saves the bundle and its models in the stores of `home`; the
// bundle becomes the latest of its name. INVALID_ARGUMENT if the archive holds anything but one
// bundle and its models; the stores are then unchanged.
absl::StatusOr<config::v1::Bundle> ImportBundle(const std::filesystem::path& archive,
                                                const std::filesystem::path& home);

}  // namespace chorus
