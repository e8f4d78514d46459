#pragma once

// The models that a bundle pins, in a model store; and a whole bundle from one home to another.
//
// Thread safety: as the stores. Errors also as theirs.

#include <filesystem>

#include "absl/status/status.h"
#include "bundles/bundle.h"
#include "model_store/file_system.h"
#include "model_store/model_store.h"

namespace chorus {

// Hashes a model that the bundle pins, or each of them. NOT_FOUND when the store lacks one,
// DATA_LOSS when one is not what was pinned, with the files that differ and what to do.
absl::Status VerifyPinnedModel(const config::v1::PinnedModel& model,
                               const config::v1::Bundle& bundle, const ModelStore& models);
absl::Status VerifyPinnedModels(const config::v1::Bundle& bundle, const ModelStore& models);

// Copies a model that is what was pinned, unless `to` has it. ALREADY_EXISTS when that tag has
// other bytes there.
absl::Status CopyPinnedModel(const config::v1::PinnedModel& model, const ModelStore& from,
                             ModelStore& to);

// Copies a bundle and the models it pins from the stores of one home to those of another, checking
// every hash; models come first, so that a bundle that is there is whole. What is there already
// with the same bytes stays. ALREADY_EXISTS when a tag has other bytes there; DATA_LOSS when
// something in `from` is not what was pinned.
absl::Status CopyBundle(const config::v1::Bundle& bundle, const std::filesystem::path& from,
                        const std::filesystem::path& to,
                        FileSystem& file_system = FileSystem::Real());

}  // namespace chorus
