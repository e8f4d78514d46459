#include "runner_server/config/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/string_view.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> ReadFile(const fs::path& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The folder of this process's cgroup v2, inside the mounted hierarchy.
fs::path CgroupFolder() {
  const fs::path root = "/sys/fs/cgroup";
  for (const absl::string_view line :
       absl::StrSplit(ReadFile("/proc/self/cgroup").value_or(""), '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() == 3 && fields[0] == "0") return root / fs::path(fields[2]).relative_path();
  }
  return root;
}

// A limit holds for everything below it, so each folder up to the root counts.
std::optional<int> CgroupCores() {
  std::optional<int> cores;
  fs::path folder = CgroupFolder();
  while (true) {
    if (const auto text = ReadFile(folder / "cpu.max")) {
      const std::optional<int> here = CoresOfCpuMax(*text);
      if (here.has_value()) cores = std::min(*here, cores.value_or(*here));
    }
    if (folder == "/sys/fs/cgroup" || !folder.has_relative_path()) return cores;
    folder = folder.parent_path();
  }
}

int AffinityCores() {
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
  return std::max(CPU_COUNT(&mask), 1);
}

}  // namespace

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

}  // namespace chorus
