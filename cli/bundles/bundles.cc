#include "cli/bundles/bundles.h"

#include <google/protobuf/util/json_util.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "bundles/bundle_archive.h"
#include "bundles/bundle_store.h"
#include "cli/confirm.h"
#include "cli/table.h"
#include "model_store/model_store.h"

namespace chorus {
namespace {

using ::chorus::config::v1::Bundle;
using ::chorus::config::v1::PinnedModel;

absl::Status Print(const std::string& text) {
  if (std::cout << text << std::flush) return absl::OkStatus();
  return absl::UnavailableError("cannot write to standard output");
}

absl::StatusOr<BundleStore> OpenStore() {
  ASSIGN_OR_RETURN(const std::filesystem::path home, store::ModelStore::DefaultHome());
  return BundleStore(home);
}

absl::StatusOr<Bundle> Find(const std::string& text) {
  ASSIGN_OR_RETURN(const BundleStore store, OpenStore());
  ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(text));
  return store.Get(tag);
}

int64_t SizeWithModels(const Bundle& bundle) {
  int64_t sum = SizeOf(bundle.files());
  std::set<std::string> tags;  // One model may be that of several runners.
  for (const PinnedModel& model : bundle.models()) {
    if (tags.insert(model.tag()).second) sum += SizeOf(model.files());
  }
  return sum;
}

std::string FormatTable(const std::vector<Bundle>& bundles) {
  std::vector<TableRow> rows = {{"TAG", "SIZE", "MODELS", "CREATED"}};
  for (const Bundle& bundle : bundles) {
    rows.push_back({TagOf(bundle).ToString(), FormatSize(SizeWithModels(bundle)),
                    absl::StrCat(bundle.models_size()), bundle.created()});
  }
  return FormatRows(rows, 1);
}

std::string FormatJson(const std::vector<Bundle>& bundles) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const Bundle& bundle : bundles) {
    nlohmann::ordered_json models = nlohmann::ordered_json::array();
    for (const PinnedModel& model : bundle.models()) models.push_back(model.tag());
    array.push_back({{"tag", TagOf(bundle).ToString()},
                     {"size_bytes", SizeWithModels(bundle)},
                     {"models", models},
                     {"created", bundle.created()}});
  }
  return array.dump(2) + "\n";
}

absl::Status PrintJson(const Bundle& bundle) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(bundle, &json, options).ok()) {
    return absl::InternalError("bundle.yaml has no JSON form");
  }
  return Print(Printable(json));
}

}  // namespace

absl::Status ListBundles(const std::string& output) {
  ASSIGN_OR_RETURN(const BundleStore store, OpenStore());
  const BundleList list = store.List();
  for (const absl::Status& problem : list.problems) {
    std::cerr << "chorus: " << Printable(StdView(problem.message())) << std::endl;
  }
  return Print(output == "json" ? FormatJson(list.bundles) : FormatTable(list.bundles));
}

absl::Status GetBundle(const std::string& tag, const std::string& output) {
  ASSIGN_OR_RETURN(const BundleStore store, OpenStore());
  ASSIGN_OR_RETURN(const Bundle bundle, Find(tag));
  if (output == "json") return PrintJson(bundle);
  const std::filesystem::path directory = store.Directory(TagOf(bundle));
  if (output == "path") return Print(directory.native() + "\n");
  ASSIGN_OR_RETURN(const std::string yaml, ReadFile(directory / kBundleFileName, 16 << 20));
  return Print(Printable(yaml));
}

absl::Status DeleteBundle(const std::string& text, bool yes) {
  ASSIGN_OR_RETURN(BundleStore store, OpenStore());
  ASSIGN_OR_RETURN(store::Tag tag, store::ParseTag(text));
  ASSIGN_OR_RETURN(tag, store.Find(tag));  // Its bundle.yaml may be what is wrong with it.
  if (!yes && !Confirm("Delete the bundle " + tag.ToString() + "?")) return Print("Not deleted\n");
  RETURN_IF_ERROR(store.Delete(tag));
  return Print("Deleted " + tag.ToString() + "; its models stay in the store\n");
}

absl::Status ExportBundleTo(const std::string& tag, const std::filesystem::path& to) {
  ASSIGN_OR_RETURN(const std::filesystem::path home, store::ModelStore::DefaultHome());
  ASSIGN_OR_RETURN(const Bundle bundle, Find(tag));
  ASSIGN_OR_RETURN(const std::filesystem::path file, ExportBundle(bundle, home, to));
  return Print(absl::StrCat("Exported ", TagOf(bundle).ToString(), " to ", file.native(), "\n"));
}

absl::Status ImportBundleFrom(const std::filesystem::path& archive) {
  ASSIGN_OR_RETURN(const std::filesystem::path home, store::ModelStore::DefaultHome());
  ASSIGN_OR_RETURN(const Bundle bundle, ImportBundle(archive, home));
  return Print(absl::StrCat("Imported ", TagOf(bundle).ToString(), " and the ",
                            bundle.models_size(), " models it runs\n"));
}

}  // namespace chorus
