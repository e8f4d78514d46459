#include "cli/models/model_table.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "cli/table.h"

namespace chorus {
namespace {

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

// "124.4M"; a dash for none.
std::string FormatCount(int64_t count) {
  if (count == 0) return "-";
  if (count < 1000) return absl::StrCat(count);
  double value = static_cast<double>(count);
  const char* unit = "";
  for (const char* larger : {"K", "M", "B", "T"}) {
    if (value < 999.95) break;
    value /= 1000;
    unit = larger;
  }
  return absl::StrFormat("%.1f%s", value, unit);
}

}  // namespace

std::string FormatModelTable(const std::vector<store::Manifest>& models) {
  std::vector<TableRow> rows = {{"TAG", "SIZE", "ARCHITECTURE", "DTYPE", "PARAMETERS", "CREATED"}};
  for (const store::Manifest& model : models) {
    rows.push_back({model.tag.ToString(), FormatSize(model.size_bytes()),
                    OrDash(model.architecture), OrDash(model.dtype),
                    FormatCount(model.num_parameters),
                    absl::FormatTime("%Y-%m-%d %H:%M", model.created, absl::UTCTimeZone())});
  }
  return FormatRows(rows, 1);
}

nlohmann::ordered_json ToJsonArray(const std::vector<store::Manifest>& models) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const store::Manifest& model : models) {
    nlohmann::ordered_json json = {
        {"tag", model.tag.ToString()},
        {"size_bytes", model.size_bytes()},
        {"task", model.task},
        {"architecture", model.architecture},
        {"created", absl::FormatTime(absl::RFC3339_sec, model.created, absl::UTCTimeZone())}};
    if (!model.dtype.empty()) json["dtype"] = model.dtype;
    if (model.num_parameters > 0) json["parameters"] = model.num_parameters;
    if (!model.licence.empty()) json["licence"] = model.licence;
    if (!model.labels.empty()) json["labels"] = model.labels;
    if (model.source) json["source"] = store::ToString(*model.source);
    array.push_back(std::move(json));
  }
  return array;
}

std::string FormatModel(const store::Manifest& model, const std::filesystem::path& directory) {
  std::vector<TableRow> facts = {
      {"tag", model.tag.ToString()},
      {"folder", directory.native()},
      {"task", OrDash(model.task)},
      {"architecture", OrDash(model.architecture)},
      {"dtype", OrDash(model.dtype)},
      {"parameters", model.num_parameters == 0 ? "-" : absl::StrCat(model.num_parameters)},
      {"licence", OrDash(model.licence)},
      {"source", model.source ? store::ToString(*model.source) : "-"},
      {"created", absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", model.created, absl::UTCTimeZone())},
      {"size", FormatSize(model.size_bytes())}};
  for (const auto& [key, value] : model.labels) {
    facts.push_back({"label", absl::StrCat(key, "=", value)});
  }
  if (!model.metadata.empty()) facts.push_back({"metadata", model.metadata});
  std::vector<TableRow> files = {{"FILE", "SIZE", "SHA-256"}};
  for (const store::ManifestFile& file : model.files) {
    files.push_back({file.name, FormatSize(file.size_bytes), file.sha256});
  }
  return absl::StrCat(FormatRows(facts, /*size_column=*/2), "\n", FormatRows(files, 1));
}

}  // namespace chorus
