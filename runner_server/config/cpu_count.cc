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
#include "runner_server/config/cgroup.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

// Empty if it cannot be read.
std::string Text(const fs::path& path) { return ReadFile(path, 4096).value_or(""); }

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
  std::optional<int> cores;
  for (const Cgroup& group : CgroupsOf("cpu", root)) {
    if (const std::optional<int> here = LimitOf(group.folder, group.is_v2)) {
      cores = std::min(*here, cores.value_or(*here));
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
