#include "bundles/pinned_models.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "bundles/bundle_store.h"
#include "config/yaml_writer.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::chorus::config::v1::Bundle;
using ::chorus::config::v1::PinnedModel;

// The names of the files in which the store's model is not the pinned one; empty when it is.
// NOT_FOUND, and DATA_LOSS when the store's model is not even what its manifest says.
absl::StatusOr<std::string> DifferenceInStore(const PinnedModel& model,
                                              const store::ModelStore& models) {
  ASSIGN_OR_RETURN(const store::Manifest manifest, models.Get(TagOf(model)));
  std::string changed = Difference(model.files(), PinModel(model.runner(), manifest).files());
  if (changed.empty()) RETURN_IF_ERROR(models.Verify(manifest.tag));
  return changed;
}

absl::Status SaveBundle(const Bundle& bundle, const fs::path& directory, BundleStore& to) {
  const absl::Status saved = to.Save(bundle, directory);
  if (saved.ok() || !absl::IsAlreadyExists(saved)) return saved;
  ASSIGN_OR_RETURN(const Bundle there, to.Get(TagOf(bundle)));
  if (FormatYaml(there) == FormatYaml(bundle)) return to.Verify(bundle);
  return absl::AlreadyExistsError(absl::StrCat("the store has another ", TagOf(bundle).ToString(),
                                               "; delete it first: chorus delete ",
                                               TagOf(bundle).ToString()));
}

}  // namespace

absl::Status VerifyPinnedModel(const PinnedModel& model, const Bundle& bundle,
                               const store::ModelStore& models) {
  const std::string tag = TagOf(bundle).ToString();
  const absl::StatusOr<std::string> changed = DifferenceInStore(model, models);
  if (!changed.ok()) {
    return {changed.status().code(),
            absl::StrCat(changed.status().message(), "; ", tag, " needs it: import ", tag,
                         " again, or build a new bundle")};
  }
  if (changed->empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(model.tag(), " is not the model that ", tag,
                                          " pins; these files differ: ", *changed, "; import ", tag,
                                          " where the old model is not, or build a new bundle"));
}

absl::Status VerifyPinnedModels(const Bundle& bundle, const store::ModelStore& models) {
  for (const PinnedModel& model : bundle.models()) {
    RETURN_IF_ERROR(VerifyPinnedModel(model, bundle, models));
  }
  return absl::OkStatus();
}

absl::Status CopyPinnedModel(const PinnedModel& model, const store::ModelStore& from,
                             store::ModelStore& to) {
  const store::Tag tag = TagOf(model);
  const absl::Status saved =
      to.Save(tag, from.Directory(tag), {.set_latest = store::SetLatest::kIfAbsent}).status();
  if (saved.ok() || !absl::IsAlreadyExists(saved)) return saved;
  ASSIGN_OR_RETURN(const std::string changed, DifferenceInStore(model, to));
  if (changed.empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("the store has another ", model.tag(), "; these files differ: ", changed,
                   "; delete it first: chorus models delete ", model.tag()));
}

absl::Status CopyBundle(const Bundle& bundle, const fs::path& from, const fs::path& to,
                        store::FileSystem& file_system) {
  const store::ModelStore models(from);
  RETURN_IF_ERROR(VerifyPinnedModels(bundle, models));
  const BundleStore bundles(from);
  RETURN_IF_ERROR(bundles.Verify(bundle));
  store::ModelStore to_models(to, file_system);
  for (const PinnedModel& model : bundle.models()) {
    RETURN_IF_ERROR(CopyPinnedModel(model, models, to_models));
  }
  BundleStore to_bundles(to, file_system);
  return SaveBundle(bundle, bundles.Directory(TagOf(bundle)), to_bundles);
}

}  // namespace chorus
