#pragma once

// How many cores this process may use.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <optional>
#include <string_view>

namespace chorus::runner {

// The cores of the affinity mask, or of a cgroup's CPU quota if fewer; at least 1.
int AvailableCores();

// The smallest CPU quota of this process's cgroups and their ancestors, of cgroup v1 and v2. Unset
// without a limit. `root` is the root of the file system with /proc/self and the cgroup mounts.
std::optional<int> CgroupCores(const std::filesystem::path& root = "/");

// The cores that a cgroup v2 cpu.max file ("QUOTA PERIOD" or "max PERIOD"), or v1's
// cpu.cfs_quota_us and cpu.cfs_period_us concatenated, allow: rounded down, at least 1. Unset
// without a limit or if malformed.
std::optional<int> CoresOfCpuMax(std::string_view cpu_max);

}  // namespace chorus::runner
