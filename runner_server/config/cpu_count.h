#pragma once

// How many cores this process may use.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <optional>
#include <string_view>

namespace chorus::runner {

// The cores of the affinity mask, or fewer where a cgroup's CPU quota is less; at least 1.
int AvailableCores();

// The least that the CPU quotas of this process's cgroups allow, those of the groups around them
// included: of cgroup v1, v2 or both. Nothing if none sets a limit. `root` is the root of the file
// system, below which /proc/self and the hierarchies lie where they are mounted.
std::optional<int> CgroupCores(const std::filesystem::path& root = "/");

// The cores that a cgroup v2 cpu.max file allows, "QUOTA PERIOD" or "max PERIOD", or v1's
// cpu.cfs_quota_us and cpu.cfs_period_us one after the other: rounded down but at least 1. Nothing
// if it sets no limit or cannot be understood.
std::optional<int> CoresOfCpuMax(std::string_view cpu_max);

}  // namespace chorus::runner
