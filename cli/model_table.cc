#include "cli/model_table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace chorus {
namespace {

using Row = std::vector<std::string>;

// Columns two spaces apart, left-aligned but for those of sizes.
std::string FormatRows(const std::vector<Row>& rows, size_t size_column) {
  std::vector<int> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], static_cast<int>(row[i].size()));
    }
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const int width = i == size_column ? widths[i] : -widths[i];
      absl::StrAppendFormat(&line, "%s%*s", i == 0 ? "" : "  ", width, row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

}  // namespace

std::string FormatSize(int64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB"}) {
    if (value < 1023.95) break;  // What would print as 1024.0 takes the next unit.
    value /= 1024;
    unit = larger;
  }
  return absl::StrFormat("%.1f %s", value, unit);
}

std::string FormatModelTable(const std::vector<Manifest>& models) {
  std::vector<Row> rows = {{"TAG", "SIZE", "ARCHITECTURE", "CREATED"}};
  for (const Manifest& model : models) {
    rows.push_back({model.tag.ToString(), FormatSize(model.size_bytes()),
                    OrDash(model.architecture),
                    absl::FormatTime("%Y-%m-%d %H:%M", model.created, absl::UTCTimeZone())});
  }
  return FormatRows(rows, 1);
}

std::string FormatModelsJson(const std::vector<Manifest>& models) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const Manifest& model : models) {
    array.push_back(
        {{"tag", model.tag.ToString()},
         {"size_bytes", model.size_bytes()},
         {"task", model.task},
         {"architecture", model.architecture},
         {"created", absl::FormatTime(absl::RFC3339_sec, model.created, absl::UTCTimeZone())}});
  }
  return array.dump(2) + "\n";
}

std::string FormatModel(const Manifest& model, const std::filesystem::path& directory) {
  std::string text = FormatRows(
      {{"tag", model.tag.ToString()},
       {"folder", directory.native()},
       {"task", OrDash(model.task)},
       {"architecture", OrDash(model.architecture)},
       {"created", absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", model.created, absl::UTCTimeZone())},
       {"size", FormatSize(model.size_bytes())}},
      /*size_column=*/2);
  std::vector<Row> files = {{"FILE", "SIZE", "SHA-256"}};
  for (const ManifestFile& file : model.files) {
    files.push_back({file.name, FormatSize(file.size_bytes), file.sha256});
  }
  return absl::StrCat(text, "\n", FormatRows(files, 1));
}

}  // namespace chorus
