#pragma once

// Opens the model store with the demo models in it.
//
// Thread safety: as ModelStore.

#include <string_view>

#include "absl/status/statusor.h"
#include "cli/installation.h"
#include "model_store/model_store.h"

namespace chorus {

// Opens the user's store and saves the installed demo models that it has never had. If that fails
// it only warns on stderr, since other models may suffice. Fails without a home for the store.
absl::StatusOr<store::ModelStore> OpenStoreWithDemoModels(const Installation& installation);

// As ModelStore::Resolve; for a deleted demo model the error says how to restore it.
absl::StatusOr<store::ResolvedModel> ResolveModel(const store::ModelStore& store,
                                                  std::string_view text);

}  // namespace chorus
