#include "cli/models/models.h"

#include <algorithm>
#include <iostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "bundles/bundle_store.h"
#include "cli/confirm.h"
#include "cli/demo_store.h"
#include "cli/installation.h"
#include "cli/models/model_table.h"
#include "model_store/demo_models.h"
#include "model_store/model_store.h"

namespace chorus {
namespace {

absl::StatusOr<store::ModelStore> OpenStore() {
  ASSIGN_OR_RETURN(const Installation installation, Installation::Find());
  return OpenStoreWithDemoModels(installation);
}

absl::Status Print(const std::string& text) {
  if (std::cout << text << std::flush) return absl::OkStatus();
  return absl::UnavailableError("cannot write to standard output");
}

// The tags of the bundles that pin the model, joined by commas.
absl::StatusOr<std::string> BundlesThatPin(const store::Tag& tag) {
  ASSIGN_OR_RETURN(const std::filesystem::path home, store::ModelStore::DefaultHome());
  std::vector<std::string> tags;
  for (const config::v1::Bundle& bundle : BundleStore(home).List().bundles) {
    if (std::ranges::any_of(bundle.models(),
                            [&](const auto& model) { return TagOf(model) == tag; })) {
      tags.push_back(TagOf(bundle).ToString());
    }
  }
  return absl::StrJoin(tags, ", ");
}

}  // namespace

absl::Status ListModels(const std::string& output) {
  ASSIGN_OR_RETURN(const store::ModelStore store, OpenStore());
  const store::ModelList list = store.List();
  for (const absl::Status& problem : list.problems) {
    std::cerr << "chorus: " << problem.message() << std::endl;
  }
  return Print(output == "json" ? FormatModelsJson(list.models) : FormatModelTable(list.models));
}

absl::Status GetModel(const GetModelOptions& options) {
  ASSIGN_OR_RETURN(const store::ModelStore store, OpenStore());
  ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(options.tag));
  ASSIGN_OR_RETURN(const store::Manifest manifest, store.Get(tag));
  if (options.verify) RETURN_IF_ERROR(store.Verify(manifest.tag));
  const std::filesystem::path directory = store.Directory(manifest.tag);
  if (options.output == "json") return Print(store::ToJson(manifest));
  if (options.output == "path") return Print(directory.native() + "\n");
  return Print(FormatModel(manifest, directory));
}

absl::Status DeleteModel(const DeleteModelOptions& options) {
  ASSIGN_OR_RETURN(store::ModelStore store, OpenStore());
  ASSIGN_OR_RETURN(store::Tag tag, store::ParseTag(options.tag));
  ASSIGN_OR_RETURN(tag, store.Find(tag));  // Its manifest may be what is wrong with it.
  ASSIGN_OR_RETURN(const std::string bundles, BundlesThatPin(tag));
  if (!bundles.empty() && !options.force) {
    return absl::FailedPreconditionError(absl::StrCat(tag.ToString(), " is needed by ", bundles,
                                                      "; delete that first, or say --force"));
  }
  if (!options.yes && !Confirm("Delete the model " + tag.ToString() + "?")) {
    return Print("Not deleted\n");
  }
  RETURN_IF_ERROR(store.Delete(tag));
  return Print("Deleted " + tag.ToString() + "\n");
}

absl::Status RestoreModels() {
  ASSIGN_OR_RETURN(const Installation installation, Installation::Find());
  ASSIGN_OR_RETURN(const std::filesystem::path demo_models, installation.Data(kDemoModels));
  ASSIGN_OR_RETURN(const std::filesystem::path home, store::ModelStore::DefaultHome());
  store::ModelStore store(home);
  ASSIGN_OR_RETURN(const std::vector<store::Tag> restored,
                   store::RestoreDemoModels(store, demo_models));
  if (restored.empty()) return Print("Nothing to restore: all demo models are there\n");
  const auto append = [](std::string* text, const store::Tag& tag) { *text += tag.ToString(); };
  return Print("Restored " + absl::StrJoin(restored, ", ", append) + "\n");
}

}  // namespace chorus
