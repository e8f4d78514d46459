#pragma once

// The four demo models of models/demo, under the names the tutorial's graph uses.
//
// Thread safety: as ModelStore::Save.

#include <filesystem>

#include "absl/status/status.h"
#include "model_store/model_store.h"

namespace chorus {

// Saves those that the store does not have, as <name>:demo, and makes them the latest version of
// names that have none. `demo_directory` is models/demo. Safe to call each time and from several
// processes at once; goes on after a model that fails and returns the first failure.
absl::Status InstallDemoModels(ModelStore& store, const std::filesystem::path& demo_directory);

}  // namespace chorus
