#include "model_store/demo_models.h"

#include <algorithm>
#include <fstream>
#include <system_error>

#include "base/status_macros.h"

namespace chorus::store {
namespace {

struct DemoModel {
  const char* name;
  const char* folder;
};

constexpr DemoModel kDemoModels[] = {
    {"gpt2-generation", "gpt2"},
    {"distilgpt2-generation", "distilgpt2"},
    {"gpt2-medium-generation", "gpt2-medium"},
    {"bert-base-uncased-classification", "bert-sst2"},
};

constexpr char kVersion[] = "demo";

namespace fs = std::filesystem;

// In the store's folder, with an empty file for each demo model that it has had.
constexpr char kHadFolder[] = ".demo";

bool Exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

absl::Status Install(ModelStore& store, const Tag& tag, const fs::path& directory) {
  const fs::path had = store.root() / kHadFolder / tag.name;
  if (Exists(had) && !Exists(store.Directory(tag))) return absl::OkStatus();  // It was deleted.
  SaveOptions options{.set_latest = SetLatest::kNever};
  if (!store.Get(tag).ok()) {
    absl::Status status = store.Save(tag, directory, options).status();
    // A version that another process saved meanwhile may be in use and stays; a damaged one goes.
    if (absl::IsAlreadyExists(status) && !store.Get(tag).ok()) {
      options.replace = true;
      status = store.Save(tag, directory, options).status();
    }
    if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  }
  if (!Exists(had)) {
    // A store that cannot be written cannot lose a model either.
    std::error_code ignored;
    fs::create_directory(had.parent_path(), ignored);
    std::ofstream{had};
  }
  return store.PointLatest(tag, SetLatest::kIfAbsent);
}

}  // namespace

absl::Status InstallDemoModels(ModelStore& store, const fs::path& demo_directory) {
  absl::Status first;
  for (const DemoModel& model : kDemoModels) {
    first.Update(Install(store, {model.name, kVersion}, demo_directory / model.folder));
  }
  return first;
}

absl::StatusOr<std::vector<Tag>> RestoreDemoModels(ModelStore& store,
                                                   const fs::path& demo_directory) {
  std::vector<Tag> missing;
  for (const DemoModel& model : kDemoModels) {
    const Tag tag{model.name, kVersion};
    if (!store.Get(tag).ok()) missing.push_back(tag);
  }
  std::error_code ignored;
  fs::remove_all(store.root() / kHadFolder, ignored);
  RETURN_IF_ERROR(InstallDemoModels(store, demo_directory));
  return missing;
}

bool IsDemoModel(std::string_view name) {
  return std::ranges::any_of(kDemoModels,
                             [name](const DemoModel& model) { return model.name == name; });
}

}  // namespace chorus::store
