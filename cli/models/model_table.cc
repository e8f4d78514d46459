#include "cli/models/model_table.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/table.h"

namespace chorus {
namespace {

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

}  // namespace

std::string FormatModelTable(const std::vector<store::Manifest>& models) {
  std::vector<TableRow> rows = {{"TAG", "SIZE", "ARCHITECTURE", "CREATED"}};
  for (const store::Manifest& model : models) {
    rows.push_back({model.tag.ToString(), FormatSize(model.size_bytes()),
                    OrDash(model.architecture),
                    absl::FormatTime("%Y-%m-%d %H:%M", model.created, absl::UTCTimeZone())});
  }
  return FormatRows(rows, 1);
}

std::string FormatModelsJson(const std::vector<store::Manifest>& models) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const store::Manifest& model : models) {
    array.push_back(
        {{"tag", model.tag.ToString()},
         {"size_bytes", model.size_bytes()},
         {"task", model.task},
         {"architecture", model.architecture},
         {"created", absl::FormatTime(absl::RFC3339_sec, model.created, absl::UTCTimeZone())}});
  }
  return array.dump(2) + "\n";
}

std::string FormatModel(const store::Manifest& model, const std::filesystem::path& directory) {
  std::vector<TableRow> facts = {
      {"tag", model.tag.ToString()},
      {"folder", directory.native()},
      {"task", OrDash(model.task)},
      {"architecture", OrDash(model.architecture)},
      {"created", absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", model.created, absl::UTCTimeZone())},
      {"size", FormatSize(model.size_bytes())}};
  if (model.source) {
    facts.push_back({"source", absl::StrCat(model.source->repository, "@", model.source->commit)});
  }
  std::vector<TableRow> files = {{"FILE", "SIZE", "SHA-256"}};
  for (const store::ManifestFile& file : model.files) {
    files.push_back({file.name, FormatSize(file.size_bytes), file.sha256});
  }
  return absl::StrCat(FormatRows(facts, /*size_column=*/2), "\n", FormatRows(files, 1));
}

}  // namespace chorus
