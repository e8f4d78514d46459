#pragma once

// The files of a model's folder, as they are at the moment.
//
// Thread safety: a value, and a free function without state.

#include <cstdint>
#include <filesystem>
#include <string>

namespace chorus {

struct FolderFiles {
  std::string state;      // Differs whenever a file does, or is another's.
  int64_t num_bytes = 0;  // Of all files.

  bool operator==(const FolderFiles&) const = default;
};

// Links are followed, but not to folders within. Passes over hidden files and the store's
// manifest.json, which the model does not depend on. Empty if there is no such folder.
FolderFiles LookAtFolder(const std::filesystem::path& folder);

}  // namespace chorus
