#pragma once

// The store as the verbs see it: with the demo models in it.
//
// Thread safety: as ModelStore.

#include "absl/status/statusor.h"
#include "cli/installation.h"
#include "model_store/model_store.h"

namespace chorus {

// Opens the user's store and installs the demo models it lacks, where Chorus was installed with
// them. That they cannot be saved is only said on stderr: other models may be all the user wants.
// Fails when there is no home for a store.
absl::StatusOr<ModelStore> OpenStoreWithDemoModels(const Installation& installation);

}  // namespace chorus
