#include "cli/models/models.h"

#include <algorithm>
#include <iostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "bundles/bundle_store.h"
#include "bundles/model_archive.h"
#include "cli/confirm.h"
#include "cli/demo_store.h"
#include "cli/installation.h"
#include "cli/models/model_table.h"
#include "config/yaml_writer.h"
#include "model_store/demo_models.h"
#include "model_store/labels.h"
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

std::string DamagedLine(const absl::Status& status) {
  return "damaged  " + PrintableLine(StdView(status.message())) + "\n";
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

absl::Status ListModels(const ListModelsOptions& options) {
  ASSIGN_OR_RETURN(const store::ModelStore store, OpenStore());
  store::ModelList list = store.List();
  for (const absl::Status& problem : list.problems) {
    std::cerr << "chorus: " << Printable(StdView(problem.message())) << std::endl;
  }
  std::vector<store::Manifest>& models = list.models;
  std::erase_if(models, [&](const auto& model) { return !Matches(options.filter, model); });
  if (options.output == "json") return Print(ToJsonArray(models).dump(2) + "\n");
  if (options.output == "yaml") return Print(FormatYaml(ToJsonArray(models)));
  if (options.output == "table") return Print(FormatModelTable(models));
  std::string folders;
  for (const store::Manifest& model : models) {
    absl::StrAppend(&folders, store.Directory(model.tag).native(), "\n");
  }
  return Print(folders);
}

absl::Status GetModel(const GetModelOptions& options) {
  ASSIGN_OR_RETURN(const store::ModelStore store, OpenStore());
  ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(options.tag));
  ASSIGN_OR_RETURN(const store::Manifest manifest, store.Get(tag));
  if (options.verify) RETURN_IF_ERROR(store.Verify(manifest.tag));
  const std::filesystem::path directory = store.Directory(manifest.tag);
  if (options.output == "json") return Print(store::ToJson(manifest));
  if (options.output == "yaml") {
    return Print(FormatYaml(nlohmann::ordered_json::parse(store::ToJson(manifest))));
  }
  if (options.output == "path") return Print(directory.native() + "\n");
  return Print(FormatModel(manifest, directory));
}

absl::Status VerifyModels(const std::vector<std::string>& texts) {
  ASSIGN_OR_RETURN(const store::ModelStore store, OpenStore());
  std::vector<store::Tag> tags;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(store::Tag tag, store::ParseTag(text));
    ASSIGN_OR_RETURN(tag, store.Find(tag));
    tags.push_back(std::move(tag));
  }
  std::vector<absl::Status> problems;
  if (texts.empty()) {
    tags = store.Tags();
    problems = store.CheckLatest();
  }
  for (const absl::Status& problem : problems) {
    RETURN_IF_ERROR(Print(DamagedLine(problem)));
  }
  for (const store::Tag& tag : tags) {
    const absl::Status status = store.Verify(tag);
    if (absl::IsNotFound(status) && texts.empty()) {  // Deleted meanwhile.
      RETURN_IF_ERROR(Print(absl::StrCat("gone     ", tag.ToString(), "\n")));
      continue;
    }
    if (!status.ok()) problems.push_back(status);
    RETURN_IF_ERROR(
        Print(status.ok() ? absl::StrCat("whole    ", tag.ToString(), "\n") : DamagedLine(status)));
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("of ", tags.size(), " models checked, ", problems.size(),
                                          problems.size() == 1 ? " is" : " are",
                                          " damaged: delete them, and pull or import them again"));
}

absl::Status LabelModel(const std::string& text, const std::vector<std::string>& changes) {
  ASSIGN_OR_RETURN(store::ModelStore store, OpenStore());
  ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(text));
  const auto change_all = [&](store::Manifest& said) -> absl::Status {
    for (const std::string& change : changes) {
      RETURN_IF_ERROR(store::ChangeLabel(change, said.labels));
    }
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const store::Manifest manifest, store.Annotate(tag, change_all));
  std::string labels = manifest.labels.empty() ? " none" : "";
  for (const auto& [key, value] : manifest.labels) absl::StrAppend(&labels, " ", key, "=", value);
  return Print(absl::StrCat("Labels of ", manifest.tag.ToString(), ":", labels, "\n"));
}

absl::Status CopyModel(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(store::ModelStore store, OpenStore());
  ASSIGN_OR_RETURN(store::Tag source, store::ParseTag(from));
  ASSIGN_OR_RETURN(store::Tag target, store::ParseTag(to));
  ASSIGN_OR_RETURN(source, store.Find(source));
  if (target.is_latest()) target.version = source.version;
  ASSIGN_OR_RETURN(const store::Manifest copy, store.Copy(source, target));
  return Print(absl::StrCat("Copied ", source.ToString(), " to ", copy.tag.ToString(), "\n"));
}

absl::Status ExportModelTo(const std::string& text, const std::filesystem::path& to) {
  ASSIGN_OR_RETURN(const store::ModelStore store, OpenStore());
  ASSIGN_OR_RETURN(store::Tag tag, store::ParseTag(text));
  ASSIGN_OR_RETURN(tag, store.Find(tag));
  ASSIGN_OR_RETURN(const std::filesystem::path file, ExportModel(store, tag, to));
  return Print(absl::StrCat("Exported ", tag.ToString(), " to ", file.native(), "\n"));
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
