#include "cli/usable_cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>

namespace chorus {
namespace {

constexpr int kNoLimit = std::numeric_limits<int>::max();
constexpr char kVersion2Line[] = "0::/";

// cpu.max holds "QUOTA PERIOD" in microseconds, or "max PERIOD".
int ReadLimit(const std::filesystem::path& cpu_max) {
  double quota = 0, period = 0;
  std::ifstream file(cpu_max);
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) return kNoLimit;
  return static_cast<int>(std::clamp(std::ceil(quota / period), 1.0, 1e6));
}

int AffinityCores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace

int CgroupCpuLimit(const std::filesystem::path& proc_cgroup, const std::filesystem::path& mount) {
  std::filesystem::path group;
  std::ifstream file(proc_cgroup);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kVersion2Line)) group = line.substr(sizeof(kVersion2Line) - 1);
  }
  int limit = ReadLimit(mount / "cpu.max");
  std::filesystem::path folder = mount;
  for (const std::filesystem::path& part : group) {
    if (part == "..") break;  // Outside what this namespace sees.
    folder /= part;
    limit = std::min(limit, ReadLimit(folder / "cpu.max"));
  }
  return limit;
}

int NumUsableCores() {
  return std::min(AffinityCores(), CgroupCpuLimit("/proc/self/cgroup", "/sys/fs/cgroup"));
}

}  // namespace chorus
