#pragma once

// The four demo models of models/demo, under the names the tutorial's graph uses.
//
// Thread safety: as ModelStore::Save.

#include <filesystem>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model_store/model_store.h"
#include "model_store/tag.h"

namespace chorus::store {

// Saves the models that the store has never had, as <name>:demo, and makes them the latest version
// of names that have none. `demo_directory` is models/demo. A deleted model stays deleted; a
// damaged one is replaced. Idempotent, also from several processes at once. Goes on after a failure
// and returns the first.
absl::Status InstallDemoModels(ModelStore& store, const std::filesystem::path& demo_directory);

// The same, deleted models included. Returns the tags it saved.
absl::StatusOr<std::vector<Tag>> RestoreDemoModels(ModelStore& store,
                                                   const std::filesystem::path& demo_directory);

// Whether a demo model has that name.
bool IsDemoModel(std::string_view name);

}  // namespace chorus::store
