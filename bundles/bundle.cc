#include "bundles/bundle.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "base/names.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "bundles/labels.h"
#include "bundles/resources.h"
#include "config/yaml_proto.h"

namespace chorus {
namespace {

using ::chorus::config::v1::Bundle;
using ::chorus::config::v1::BundleFile;
using ::chorus::config::v1::PinnedModel;
using BundleFiles = google::protobuf::RepeatedPtrField<BundleFile>;

constexpr int64_t kMaxFileBytes = int64_t{1} << 50;  // Keeps sums of sizes far from overflow.
constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxPartBytes = 255;  // As file systems have it.

// Whether it stays in its folder and is no control sequence to a terminal.
bool IsRelativeName(const std::string& name) {
  if (name.size() > kMaxNameBytes || name.find('\\') != std::string::npos || !IsPrintable(name)) {
    return false;
  }
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  return std::ranges::all_of(parts, [](const std::string& part) {
    return !part.empty() && part != "." && part != ".." && part.size() <= kMaxPartBytes;
  });
}

class Checker {
 public:
  Checker(const Bundle& bundle, const YamlPlaces& places) : bundle_(bundle), places_(places) {}

  absl::Status Check() const {
    if (!IsFileName(bundle_.name())) return BadTag("name", bundle_.name());
    if (!IsFileName(bundle_.version()) || TagOf(bundle_).is_latest()) {
      return BadTag("version", bundle_.version());
    }
    absl::Time ignored;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, bundle_.created(), &ignored, &error)) {
      return places_.Error("created", "must be a time such as 2024-02-29T12:00:00+00:00");
    }
    RETURN_IF_ERROR(CheckLabels(bundle_.labels(), places_));
    RETURN_IF_ERROR(CheckModels());
    RETURN_IF_ERROR(CheckResources(bundle_.resources(), RunnersOf(bundle_), places_));
    RETURN_IF_ERROR(CheckFiles("files", bundle_.files()));
    return CheckOwnFiles();
  }

 private:
  absl::Status BadTag(const std::string& path, const std::string& value) const {
    return places_.Error(path, absl::StrCat("must match ", kFileNameRule, " and not be latest: \"",
                                            absl::CEscape(value), "\""));
  }

  absl::Status CheckModels() const {
    if (bundle_.models().empty()) return places_.Error("models", "must hold a model");
    std::set<std::string> runners;
    for (int i = 0; i < bundle_.models_size(); ++i) {
      const PinnedModel& model = bundle_.models(i);
      const std::string path = absl::StrCat("models[", i, "]");
      if (!IsFileName(model.runner())) return BadTag(path + ".runner", model.runner());
      if (!runners.insert(model.runner()).second) {
        return places_.Error(path + ".runner", "has a model already: " + model.runner());
      }
      const absl::StatusOr<store::Tag> tag = store::ParseTag(model.tag());
      if (!tag.ok()) return places_.Error(path + ".tag", StdView(tag.status().message()));
      if (tag->is_latest()) {
        return places_.Error(path + ".tag", "must have a version of its own: " + model.tag());
      }
      RETURN_IF_ERROR(CheckFiles(path + ".files", model.files()));
      for (int j = 0; j < model.files_size(); ++j) {
        if (store::IsModelFileName(model.files(j).name())) continue;
        return places_.Error(absl::StrCat(path, ".files[", j, "].name"),
                             "must be the name of a file in the model's folder");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckFiles(const std::string& path, const BundleFiles& files) const {
    if (files.empty()) return places_.Error(path, "must hold a file");
    for (int i = 0; i < files.size(); ++i) {
      const std::string file_path = absl::StrCat(path, "[", i, "]");
      const std::string& name = files[i].name();
      if (!IsRelativeName(name)) {
        return places_.Error(
            file_path + ".name",
            absl::StrCat("must be a path that stays in its folder: \"", absl::CEscape(name), "\""));
      }
      if (i > 0 && files[i - 1].name() >= name) {
        return places_.Error(file_path + ".name", "files must be listed once, in order of name");
      }
      if (files[i].size_bytes() < 0 || files[i].size_bytes() > kMaxFileBytes) {
        return places_.Error(file_path + ".size_bytes", "must be from 0 to 2^50");
      }
      if (!IsSha256(files[i].sha256())) {
        return places_.Error(file_path + ".sha256", "must be 64 lower-case hexadecimal digits");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckOwnFiles() const {
    bool has_graph = false;
    for (const BundleFile& file : bundle_.files()) {
      has_graph |= file.name() == kGraphFileName;
      if (file.name() == kBundleFileName) {
        return places_.Error("files", "bundle.yaml cannot list itself");
      }
    }
    return has_graph ? absl::OkStatus() : places_.Error("files", "must hold graph.yaml");
  }

  const Bundle& bundle_;
  const YamlPlaces& places_;
};

}  // namespace

absl::StatusOr<Bundle> ParseBundle(std::string_view yaml, std::string_view file) {
  Bundle bundle;
  YamlPlaces places;
  RETURN_IF_ERROR(ParseYaml(yaml, file, bundle, &places));
  RETURN_IF_ERROR(Checker(bundle, places).Check());
  return bundle;
}

store::Tag TagOf(const Bundle& bundle) { return {bundle.name(), bundle.version()}; }

store::Tag TagOf(const PinnedModel& model) {
  const size_t colon = model.tag().find(':');
  return {model.tag().substr(0, colon), model.tag().substr(colon + 1)};
}

std::vector<std::string> RunnersOf(const Bundle& bundle) {
  std::vector<std::string> runners;
  for (const PinnedModel& model : bundle.models()) runners.push_back(model.runner());
  return runners;
}

int64_t SizeOf(const BundleFiles& files) {
  int64_t sum = 0;
  for (const BundleFile& file : files) sum += file.size_bytes();
  return sum;
}

std::string Difference(const BundleFiles& pinned, const BundleFiles& found) {
  std::map<std::string, const BundleFile*> left;  // Of those found.
  for (const BundleFile& file : found) left[file.name()] = &file;
  std::vector<std::string> names;
  for (const BundleFile& file : pinned) {
    const auto it = left.find(file.name());
    if (it == left.end() || it->second->sha256() != file.sha256() ||
        it->second->size_bytes() != file.size_bytes()) {
      names.push_back(file.name());
    }
    if (it != left.end()) left.erase(it);
  }
  for (const auto& [name, unused] : left) names.push_back(name);
  return absl::StrJoin(names, ", ");
}

PinnedModel PinModel(const std::string& runner, const store::Manifest& manifest) {
  PinnedModel model;
  model.set_runner(runner);
  model.set_tag(manifest.tag.ToString());
  for (const store::ManifestFile& file : manifest.files) {
    BundleFile& pinned = *model.add_files();
    pinned.set_name(file.name);
    pinned.set_size_bytes(file.size_bytes);
    pinned.set_sha256(file.sha256);
  }
  return model;
}

}  // namespace chorus
