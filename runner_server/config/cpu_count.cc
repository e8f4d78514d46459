#include "runner_server/config/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/string_view.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

// Empty if it cannot be read.
std::string Text(const fs::path& path) { return ReadFile(path, 16 << 20).value_or(""); }

// A hierarchy of cgroups that has the CPU controller, as a line of /proc/self/mountinfo names it.
struct CpuHierarchy {
  bool is_v2 = false;
  std::string group;     // That the mount shows as its root.
  fs::path mount_point;  // From the root of the file system.
};

// Paths in mountinfo have spaces, tabs, line breaks and backslashes as \ooo.
std::string Unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool HasCpu(std::string_view controllers) {
  const std::vector<std::string> names = absl::StrSplit(AbslView(controllers), ',');
  return std::find(names.begin(), names.end(), "cpu") != names.end();
}

// Lines such as "33 32 0:28 /docker/1 /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpu"
// (proc_pid_mountinfo(5)).
std::vector<CpuHierarchy> CpuHierarchies(const std::string& mountinfo) {
  std::vector<CpuHierarchy> hierarchies;
  for (const absl::string_view line : absl::StrSplit(mountinfo, '\n')) {
    const std::vector<std::string> halves = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    if (halves.size() != 2) continue;
    const std::vector<std::string> mount = absl::StrSplit(halves[0], ' ');
    const std::vector<std::string> type = absl::StrSplit(halves[1], ' ');
    if (mount.size() < 5 || type.size() < 3) continue;
    const bool is_v2 = type[0] == "cgroup2";
    if (is_v2 || (type[0] == "cgroup" && HasCpu(type[2]))) {
      hierarchies.push_back(
          {.is_v2 = is_v2, .group = Unescaped(mount[3]), .mount_point = Unescaped(mount[4])});
    }
  }
  return hierarchies;
}

// The group of this process in that hierarchy. Lines such as "4:cpu,cpuacct:/docker/1" of v1, and
// "0::/docker/1" of v2 (cgroups(7)).
std::string GroupIn(const CpuHierarchy& hierarchy, const std::string& groups) {
  for (const absl::string_view line : absl::StrSplit(groups, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    if (hierarchy.is_v2 ? fields[0] == "0" : HasCpu(fields[1])) return fields[2];
  }
  return "/";
}

// The group's folder below the mount point. Where the mount does not show the group, as in a
// container whose /proc/self/cgroup names the host's groups, the mount's root is all there is.
fs::path FolderBelowMount(const CpuHierarchy& hierarchy, const std::string& group) {
  const fs::path below = fs::path(group).lexically_relative(hierarchy.group);
  return below.empty() || *below.begin() == ".." || group.find("/..") != std::string::npos ? "."
                                                                                           : below;
}

std::optional<int> LimitOf(const fs::path& folder, bool is_v2) {
  if (is_v2) return CoresOfCpuMax(Text(folder / "cpu.max"));
  return CoresOfCpuMax(
      absl::StrCat(Text(folder / "cpu.cfs_quota_us"), " ", Text(folder / "cpu.cfs_period_us")));
}

int AffinityCores() {
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
  return std::max(CPU_COUNT(&mask), 1);
}

}  // namespace

std::optional<int> CgroupCores(const fs::path& root) {
  const std::string groups = Text(root / "proc/self/cgroup");
  std::optional<int> cores;
  for (const CpuHierarchy& hierarchy : CpuHierarchies(Text(root / "proc/self/mountinfo"))) {
    const fs::path mount_point = root / hierarchy.mount_point.relative_path();
    // A limit holds for everything below it, so each folder up to the mount point counts.
    fs::path below = FolderBelowMount(hierarchy, GroupIn(hierarchy, groups));
    while (true) {
      if (const std::optional<int> here = LimitOf(mount_point / below, hierarchy.is_v2)) {
        cores = std::min(*here, cores.value_or(*here));
      }
      if (below.empty() || below == ".") break;
      below = below.parent_path();
    }
  }
  return cores;
}

std::optional<int> CoresOfCpuMax(std::string_view cpu_max) {
  const std::vector<std::string> fields =
      absl::StrSplit(AbslView(cpu_max), absl::ByAnyChar(" \n"), absl::SkipEmpty());
  int64_t quota = 0, period = 0;
  if (fields.size() != 2 || !absl::SimpleAtoi(fields[0], &quota) ||
      !absl::SimpleAtoi(fields[1], &period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return static_cast<int>(std::clamp<int64_t>(quota / period, 1, CPU_SETSIZE));
}

int AvailableCores() { return std::min(AffinityCores(), CgroupCores().value_or(CPU_SETSIZE)); }

}  // namespace chorus::runner
