#pragma once

// The store as the verbs see it: with the demo models in it.
//
// Thread safety: as ModelStore.

#include <string_view>

#include "absl/status/statusor.h"
#include "cli/installation.h"
#include "model_store/model_store.h"

namespace chorus {

// Opens the user's store and installs the demo models it has never had, where Chorus was installed
// with them. That they cannot be saved is only said on stderr: other models may be all the user
// wants. Fails when there is no home for a store.
absl::StatusOr<store::ModelStore> OpenStoreWithDemoModels(const Installation& installation);

// As ModelStore::Resolve; where a demo model was deleted, the error says how it comes back.
absl::StatusOr<store::ResolvedModel> ResolveModel(const store::ModelStore& store, std::string_view text);

}  // namespace chorus
