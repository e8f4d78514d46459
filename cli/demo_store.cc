#include "cli/demo_store.h"

#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model_store/demo_models.h"

namespace chorus {

absl::StatusOr<store::ModelStore> OpenStoreWithDemoModels(const Installation& installation) {
  ASSIGN_OR_RETURN(const std::filesystem::path home, store::ModelStore::DefaultHome());
  store::ModelStore store(home);
  const absl::StatusOr<std::filesystem::path> demo_models = installation.Data(kDemoModels);
  if (!demo_models.ok()) return store;
  if (const absl::Status status = store::InstallDemoModels(store, *demo_models); !status.ok()) {
    std::cerr << "chorus: the demo models are not installed: " << status.message() << std::endl;
  }
  return store;
}

absl::StatusOr<store::ResolvedModel> ResolveModel(const store::ModelStore& store,
                                                  std::string_view text) {
  absl::StatusOr<store::ResolvedModel> model = store.Resolve(text);
  if (!absl::IsNotFound(model.status()) || !store::IsDemoModel(text.substr(0, text.find(':')))) {
    return model;
  }
  return absl::NotFoundError(absl::StrCat(
      model.status().message(), "; \"chorus models restore\" brings deleted demo models back"));
}

}  // namespace chorus
