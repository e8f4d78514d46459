#pragma once

// Verifies and copies the models that a bundle pins, and whole bundles between homes.
//
// Thread safety: as the stores. Errors also as theirs.

#include <filesystem>

#include "absl/status/status.h"
#include "bundles/bundle.h"
#include "model_store/file_system.h"
#include "model_store/model_store.h"

namespace chorus {

// Hashes one or all of the models that the bundle pins. NOT_FOUND if the store lacks one;
// DATA_LOSS, with the differing files and what to do, if one is not what was pinned.
absl::Status VerifyPinnedModel(const config::v1::PinnedModel& model,
                               const config::v1::Bundle& bundle, const store::ModelStore& models);
absl::Status VerifyPinnedModels(const config::v1::Bundle& bundle, const store::ModelStore& models);

// Copies a model and verifies it, unless `to` has it. ALREADY_EXISTS if the tag has other content
// there.
absl::Status CopyPinnedModel(const config::v1::PinnedModel& model, const store::ModelStore& from,
                             store::ModelStore& to);

// Copies a bundle and its models between the stores of two homes and checks every hash. Models come
// first, so that a bundle that exists is complete; what `to` has already is kept. ALREADY_EXISTS if
// a tag has other content there; DATA_LOSS if something in `from` is not what was pinned.
absl::Status CopyBundle(const config::v1::Bundle& bundle, const std::filesystem::path& from,
                        const std::filesystem::path& to,
                        store::FileSystem& file_system = store::FileSystem::Real());

}  // namespace chorus
