#pragma once

// How much memory this process has, and may still take. `root` is the root of the file system with
// /proc and the cgroup mounts.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <filesystem>

namespace chorus::runner {

// The bytes that the machine has available, or that a cgroup of this process leaves, if fewer.
// Pages of files, which the kernel gives up for others, count as room. INT64_MAX if nothing tells.
int64_t MemoryRoom(const std::filesystem::path& root = "/");

// The resident bytes of this process that are not a file's.
int64_t AnonymousMemory(const std::filesystem::path& root = "/");

}  // namespace chorus::runner
