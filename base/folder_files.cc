#include "base/folder_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

// What people say of a version of the store.
constexpr char kManifestFileName[] = "manifest.json";

// Adds the files below `directory`, by name.
void AddFiles(const fs::path& directory, FolderFiles& files) {
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
      if (std::error_code ignored; !fs::is_symlink(path, ignored)) AddFiles(path, files);
    } else {
      // The inode too: a file may be replaced by one of the same size and date.
      absl::StrAppend(&files.state, path.native(), " ", stat.st_ino, " ", stat.st_size, " ",
                      stat.st_mtim.tv_sec, ".", stat.st_mtim.tv_nsec, "\n");
      files.num_bytes += stat.st_size;
    }
  }
}

}  // namespace

FolderFiles LookAtFolder(const fs::path& folder) {
  FolderFiles files;
  std::error_code error;
  const fs::path canonical = fs::canonical(folder, error);
  if (!error) AddFiles(canonical, files);
  return files;
}

}  // namespace chorus
