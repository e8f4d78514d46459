#include "runner_server/model_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"
#include "base/read_file.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

// As the store writes it (model_store/version_store.h): NAME/latest names one of NAME/VERSION/.
constexpr char kLatestFileName[] = "latest";
constexpr int64_t kMaxLatestBytes = 256;
// What people say of a version of the store, which the model does not depend on.
constexpr char kManifestFileName[] = "manifest.json";

std::string LatestVersion(const fs::path& model) {
  std::error_code ignored;
  if (fs::exists(model / "config.json", ignored)) return "";
  const absl::StatusOr<std::string> latest = ReadFile(model / kLatestFileName, kMaxLatestBytes);
  if (!latest.ok()) return "";
  const std::string version(absl::StripAsciiWhitespace(*latest));
  return IsFileName(version) ? version : "";
}

// Adds the files below `directory`, by name.
void AddFiles(const fs::path& directory, ModelFolder& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().native();
    if (!name.starts_with(".") && name != kManifestFileName) paths.push_back(it->path());
  }
  std::ranges::sort(paths);
  for (const fs::path& path : paths) {
    struct stat stat = {};
    if (::stat(path.c_str(), &stat) != 0) continue;  // Gone, or a link to nothing.
    if (S_ISDIR(stat.st_mode)) {
      // Only of a folder that lies here: a link could lead back.
      if (std::error_code ignored; !fs::is_symlink(path, ignored)) AddFiles(path, folder);
    } else {
      // The inode too: a file may be replaced by one of the same size and date.
      absl::StrAppend(&folder.files, path.native(), " ", stat.st_ino, " ", stat.st_size, " ",
                      stat.st_mtim.tv_sec, ".", stat.st_mtim.tv_nsec, "\n");
      folder.num_bytes += stat.st_size;
    }
  }
}

}  // namespace

ModelFolder LookAtModel(const fs::path& model) {
  ModelFolder folder{.directory = model, .version = LatestVersion(model)};
  if (!folder.version.empty()) folder.directory /= folder.version;
  std::error_code error;
  const fs::path canonical = fs::canonical(folder.directory, error);
  if (!error) AddFiles(canonical, folder);
  return folder;
}

}  // namespace chorus::runner
