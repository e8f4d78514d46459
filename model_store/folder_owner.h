#pragma once

// Names of folders that identify the process that uses them, so that other processes can tell
// whether it is alive:
//
//   <prefix><8 random hexadecimal digits>-<machine>-<pid>-<start>
//
// The kernel is asked whether the process is alive. File locks do not serve: on some network file
// systems flock fails, on others it succeeds for everybody at once. <machine> is a hash of boot,
// host name and pid namespace, so that a process of another container is never taken for a dead
// one.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace chorus::store {

enum class FolderOwner {
  kAlive,
  kGone,       // It ran here and has ended.
  kElsewhere,  // Unknown: of another machine or container, or not in the name.
};

// A unique name for a folder that this process uses until it removes or renames it.
std::string NameOwnedFolder(std::string_view prefix);

// Whether NameOwnedFolder may have made `name` with this prefix. A name that ends after the eight
// digits counts too.
bool IsOwnedFolderName(std::string_view name, std::string_view prefix);

// `name` is such a name.
FolderOwner OwnerOf(std::string_view name, std::string_view prefix);

// Whether the folder is unused: its process is gone, or is unknown and nothing in the folder has
// changed for `quiet`.
bool IsAbandoned(const std::filesystem::path& folder, std::string_view prefix,
                 absl::Duration quiet);

// When the folder, or anything below it, changed last, by the file system's clock.
absl::Time LastChange(const std::filesystem::path& folder);

}  // namespace chorus::store
