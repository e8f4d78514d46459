#pragma once

// A bundle with its models in one file: a gzipped tar archive with the folders `bundles` and
// `models` of a home that has nothing else.
//
// Thread safety: as the stores. Errors also as those of CopyBundle and archive.h.

#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bundles/bundle.h"

namespace chorus {

// Verifies and writes. Where `to` is a folder, NAME-VERSION.tar.gz in it. The file's path.
absl::StatusOr<std::filesystem::path> ExportBundle(const config::v1::Bundle& bundle,
                                                   const std::filesystem::path& home,
                                                   const std::filesystem::path& to);

// Unpacks, verifies every hash, and puts the bundle and its models into the stores of `home`; the
// bundle then is the latest of its name. INVALID_ARGUMENT when the archive holds anything but one
// bundle and its models; the stores are then as they were.
absl::StatusOr<config::v1::Bundle> ImportBundle(const std::filesystem::path& archive,
                                                const std::filesystem::path& home);

}  // namespace chorus
