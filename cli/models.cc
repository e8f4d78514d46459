#include "cli/models.h"

#include <iostream>

#include "base/status_macros.h"
#include "cli/demo_store.h"
#include "cli/installation.h"
#include "cli/model_table.h"
#include "model_store/model_store.h"

namespace chorus {
namespace {

absl::StatusOr<ModelStore> OpenStore() {
  ASSIGN_OR_RETURN(const Installation installation, Installation::Find());
  return OpenStoreWithDemoModels(installation);
}

absl::Status Print(const std::string& text) {
  if (std::cout << text << std::flush) return absl::OkStatus();
  return absl::UnavailableError("cannot write to standard output");
}

}  // namespace

absl::Status ListModels(const std::string& output) {
  ASSIGN_OR_RETURN(const ModelStore store, OpenStore());
  const ModelList list = store.List();
  for (const absl::Status& problem : list.problems) {
    std::cerr << "chorus: " << problem.message() << std::endl;
  }
  return Print(output == "json" ? FormatModelsJson(list.models) : FormatModelTable(list.models));
}

absl::Status GetModel(const GetModelOptions& options) {
  ASSIGN_OR_RETURN(const ModelStore store, OpenStore());
  ASSIGN_OR_RETURN(const Tag tag, ParseTag(options.tag));
  ASSIGN_OR_RETURN(const Manifest manifest, store.Get(tag));
  if (options.verify) RETURN_IF_ERROR(store.Verify(manifest.tag));
  const std::filesystem::path directory = store.Directory(manifest.tag);
  if (options.output == "json") return Print(ToJson(manifest));
  if (options.output == "path") return Print(directory.native() + "\n");
  return Print(FormatModel(manifest, directory));
}

}  // namespace chorus
