#include "runner_server/model_folder.h"

#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "base/folder_files.h"
#include "base/names.h"
#include "base/read_file.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

// As the store writes it (model_store/version_store.h): NAME/latest names one of NAME/VERSION/.
constexpr char kLatestFileName[] = "latest";
constexpr int64_t kMaxLatestBytes = 256;

std::string LatestVersion(const fs::path& model) {
  std::error_code ignored;
  if (fs::exists(model / "config.json", ignored)) return "";
  const absl::StatusOr<std::string> latest = ReadFile(model / kLatestFileName, kMaxLatestBytes);
  if (!latest.ok()) return "";
  const std::string version(absl::StripAsciiWhitespace(*latest));
  return IsFileName(version) ? version : "";
}

}  // namespace

ModelFolder LookAtModel(const fs::path& model) {
  ModelFolder folder{.directory = model, .version = LatestVersion(model)};
  if (!folder.version.empty()) folder.directory /= folder.version;
  folder.files = LookAtFolder(folder.directory);
  return folder;
}

}  // namespace chorus::runner
