#pragma once

// How many cores this process may use: its CPU affinity, cut by the CPU limit of its control group
// (in a container the limit decides, not the machine).
//
// Thread safety: free functions without state.

#include <filesystem>

namespace chorus {

// At least 1.
int NumUsableCores();

// The limit in whole cores, rounded up, of the control group (version 2) that `proc_cgroup`, as
// /proc/self/cgroup, names below `mount`, as /sys/fs/cgroup: the least on the way to the root. A
// large number when there is none.
int CgroupCpuLimit(const std::filesystem::path& proc_cgroup, const std::filesystem::path& mount);

}  // namespace chorus
