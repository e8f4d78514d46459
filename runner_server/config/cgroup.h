#pragma once

// The control groups that this process is in, of cgroup v1 and v2 (cgroups(7)).
//
// Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <vector>

namespace chorus::runner {

struct Cgroup {
  std::filesystem::path folder;
  bool is_v2 = false;
};

// Those that `controller`, such as "cpu", may limit: this process's and those above it, as far up
// as they are mounted. A limit holds for everything below it, so each counts. `root` is the root of
// the file system with /proc/self and the mounts.
std::vector<Cgroup> CgroupsOf(const std::string& controller, const std::filesystem::path& root);

}  // namespace chorus::runner
