#include "cli/usable_cores.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>

#include "tests/model_store/temp_directory.h"

namespace chorus {
namespace {

constexpr int kNoLimit = std::numeric_limits<int>::max();

TEST(CgroupCpuLimit, IsTheLeastOnTheWayToTheRoot) {
  const struct {
    const char* name;
    std::string proc_cgroup;
    std::map<std::string, std::string> files;  // Below the mount.
    int limit;
  } kCases[] = {
      {"no groups", "", {}, kNoLimit},
      {"version 1 only", "3:cpu,cpuacct:/x\n", {{"x/cpu.max", "100000 100000"}}, kNoLimit},
      {"no limit", "0::/a/b\n", {{"a/b/cpu.max", "max 100000\n"}}, kNoLimit},
      {"its own", "0::/a/b\n", {{"a/b/cpu.max", "200000 100000\n"}}, 2},
      {"its parent's", "0::/a/b\n", {{"a/cpu.max", "100000 100000"}, {"a/b/cpu.max", "max 1"}}, 1},
      {"a container's root", "0::/\n", {{"cpu.max", "400000 100000\n"}}, 4},
      {"rounded up", "0::/\n", {{"cpu.max", "150000 100000\n"}}, 2},
      {"at least one", "0::/\n", {{"cpu.max", "1000 100000\n"}}, 1},
      {"nonsense", "0::/\n", {{"cpu.max", "lots\n"}}, kNoLimit},
      {"zero period", "0::/\n", {{"cpu.max", "1 0\n"}}, kNoLimit},
      {"outside the namespace", "0::/../x\n", {{"cpu.max", "300000 100000"}}, 3},
      {"mixed", "1:name=systemd:/y\n0::/a\n", {{"a/cpu.max", "500000 100000"}}, 5},
  };
  for (const auto& c : kCases) {
    const TempDirectory temp;
    PutFile(temp / "cgroup", c.proc_cgroup);
    for (const auto& [name, text] : c.files) PutFile(temp / "mount" / name, text);
    EXPECT_EQ(CgroupCpuLimit(temp / "cgroup", temp / "mount"), c.limit) << c.name;
  }
}

TEST(NumUsableCores, IsPositive) { EXPECT_GE(NumUsableCores(), 1); }

}  // namespace
}  // namespace chorus
