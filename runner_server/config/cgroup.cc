#include "runner_server/config/cgroup.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/string_view.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

// Empty if it cannot be read.
std::string Text(const fs::path& path) { return ReadFile(path, 16 << 20).value_or(""); }

// A hierarchy of cgroups that has the controller, as a line of /proc/self/mountinfo names it.
struct Hierarchy {
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

bool Has(const std::string& controller, std::string_view controllers) {
  const std::vector<std::string> names = absl::StrSplit(AbslView(controllers), ',');
  return std::ranges::find(names, controller) != names.end();
}

// Lines such as "33 32 0:28 /docker/1 /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpu"
// (proc_pid_mountinfo(5)).
std::vector<Hierarchy> Hierarchies(const std::string& controller, const std::string& mountinfo) {
  std::vector<Hierarchy> hierarchies;
  for (const absl::string_view line : absl::StrSplit(mountinfo, '\n')) {
    const std::vector<std::string> halves = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    if (halves.size() != 2) continue;
    const std::vector<std::string> mount = absl::StrSplit(halves[0], ' ');
    const std::vector<std::string> type = absl::StrSplit(halves[1], ' ');
    if (mount.size() < 5 || type.size() < 3) continue;
    const bool is_v2 = type[0] == "cgroup2";
    if (is_v2 || (type[0] == "cgroup" && Has(controller, type[2]))) {
      hierarchies.push_back(
          {.is_v2 = is_v2, .group = Unescaped(mount[3]), .mount_point = Unescaped(mount[4])});
    }
  }
  return hierarchies;
}

// The group of this process in that hierarchy. Lines such as "4:cpu,cpuacct:/docker/1" of v1, and
// "0::/docker/1" of v2 (cgroups(7)).
std::string GroupIn(const Hierarchy& hierarchy, const std::string& controller,
                    const std::string& groups) {
  for (const absl::string_view line : absl::StrSplit(groups, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    if (hierarchy.is_v2 ? fields[0] == "0" : Has(controller, fields[1])) return fields[2];
  }
  return "/";
}

// The group's folder below the mount point. Where the mount does not show the group, as in a
// container whose /proc/self/cgroup names the host's groups, the mount's root is all there is.
fs::path FolderBelowMount(const Hierarchy& hierarchy, const std::string& group) {
  const fs::path below = fs::path(group).lexically_relative(hierarchy.group);
  return below.empty() || *below.begin() == ".." || group.find("/..") != std::string::npos ? "."
                                                                                           : below;
}

}  // namespace

std::vector<Cgroup> CgroupsOf(const std::string& controller, const fs::path& root) {
  const std::string groups = Text(root / "proc/self/cgroup");
  const std::string mountinfo = Text(root / "proc/self/mountinfo");
  std::vector<Cgroup> found;
  for (const Hierarchy& hierarchy : Hierarchies(controller, mountinfo)) {
    const fs::path mount_point = root / hierarchy.mount_point.relative_path();
    fs::path below = FolderBelowMount(hierarchy, GroupIn(hierarchy, controller, groups));
    while (true) {
      found.push_back({.folder = mount_point / below, .is_v2 = hierarchy.is_v2});
      if (below.empty() || below == ".") break;
      below = below.parent_path();
    }
  }
  return found;
}

}  // namespace chorus::runner
