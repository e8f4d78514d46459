#pragma once

// Folders that carry the name of the process that uses them, so that another process can tell
// whether it still does:
//
//   <prefix><8 random hexadecimal digits>-<machine>-<pid>-<start>
//
// The kernel is asked whether that process lives. Locks would not do: on some network file systems
// flock fails, and on others it succeeds for everybody at once. <machine> stands for the boot, the
// host name and the pid namespace, so a process of another container is never mistaken for a dead
// one of this.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace chorus {

enum class FolderOwner {
  kAlive,
  kGone,       // It ran here and has ended.
  kElsewhere,  // It cannot be asked: another machine's, another container's, or the name tells
               // none.
};

// A name that no other folder has, for one that this process uses until it removes or renames it.
std::string NameOwnedFolder(std::string_view prefix);

// Whether NameOwnedFolder may have made the name with this prefix. One that ends after the eight
// digits counts too.
bool IsOwnedFolderName(std::string_view name, std::string_view prefix);

// `name` is such a name.
FolderOwner OwnerOf(std::string_view name, std::string_view prefix);

// Whether nobody uses the folder: its process is gone, or cannot be asked and nothing in the folder
// has changed for so long.
bool IsAbandoned(const std::filesystem::path& folder, std::string_view prefix,
                 absl::Duration quiet);

// When the folder, or anything below it, changed last; the clock is the disk's.
absl::Time LastChange(const std::filesystem::path& folder);

}  // namespace chorus
