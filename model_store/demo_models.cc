#include "model_store/demo_models.h"

#include "model_store/tag.h"

namespace chorus {
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

absl::Status Install(ModelStore& store, const Tag& tag, const std::filesystem::path& directory) {
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
  return store.PointLatest(tag, SetLatest::kIfAbsent);
}

}  // namespace

absl::Status InstallDemoModels(ModelStore& store, const std::filesystem::path& demo_directory) {
  absl::Status first;
  for (const DemoModel& model : kDemoModels) {
    first.Update(Install(store, {model.name, "demo"}, demo_directory / model.folder));
  }
  return first;
}

}  // namespace chorus
