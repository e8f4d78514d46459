#include "runner_server/config/cpu_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace chorus::runner {
namespace {

TEST(CoresOfCpuMax, UnderstandsTheFile) {
  struct Case {
    std::string_view text;
    std::optional<int> cores;
  };
  for (const Case& c : std::vector<Case>{{"200000 100000\n", 2},
                                         {"150000 100000\n", 1},
                                         {"50000 100000\n", 1},
                                         {"800000 50000", 16},
                                         {"max 100000\n", std::nullopt},
                                         {"", std::nullopt},
                                         {"100000", std::nullopt},
                                         {"-5 100000", std::nullopt},
                                         {"5 0", std::nullopt},
                                         {"a b", std::nullopt}}) {
    EXPECT_EQ(CoresOfCpuMax(c.text), c.cores) << c.text;
  }
}

TEST(CgroupCores, IsTheLeastLimitOnTheWayToTheRoot) {
  const std::string v1_mounts =
      "30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
      "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "34 30 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";
  const std::string v2_mounts = "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  const std::string container_mounts =
      "33 30 0:29 /docker/1 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
  const std::string v1 = "sys/fs/cgroup/cpu,cpuacct/", v2 = "sys/fs/cgroup/";
  struct Case {
    std::string_view name;
    std::string mountinfo;
    std::string groups;  // /proc/self/cgroup
    std::map<std::string, std::string> files;
    std::optional<int> cores;
  };
  const std::vector<Case> cases = {
      {"v2", v2_mounts, "0::/a/b\n", {{v2 + "a/b/cpu.max", "300000 100000\n"}}, 3},
      {"v2, a group around it",
       v2_mounts,
       "0::/a/b\n",
       {{v2 + "a/cpu.max", "200000 100000\n"}, {v2 + "a/b/cpu.max", "max 100000\n"}},
       2},
      {"v2, the root of a namespace", v2_mounts, "0::/\n", {{v2 + "cpu.max", "100000 100000"}}, 1},
      {"v1",
       v1_mounts,
       "5:cpuset:/x\n4:cpu,cpuacct:/a/b\n",
       {{v1 + "a/b/cpu.cfs_quota_us", "400000\n"}, {v1 + "a/b/cpu.cfs_period_us", "100000\n"}},
       4},
      {"v1, no limit",
       v1_mounts,
       "4:cpu,cpuacct:/a\n",
       {{v1 + "a/cpu.cfs_quota_us", "-1\n"}, {v1 + "a/cpu.cfs_period_us", "100000\n"}},
       std::nullopt},
      {"v1, a group around it",
       v1_mounts,
       "4:cpu,cpuacct:/a/b/c\n",
       {{v1 + "a/cpu.cfs_quota_us", "150000\n"},
        {v1 + "a/cpu.cfs_period_us", "50000\n"},
        {v1 + "a/b/cpu.cfs_quota_us", "800000\n"},
        {v1 + "a/b/cpu.cfs_period_us", "100000\n"}},
       3},
      {"v1, a container that sees its own group only, under the host's name",
       container_mounts,
       "4:cpu:/docker/1/x\n",
       {{"sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "600000\n"},
        {"sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
       2},
      {"v1, a container whose mount does not show its group",
       container_mounts,
       "4:cpu:/elsewhere\n",
       {{"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
       2},
      {"v1, a namespace whose group lies outside of it",
       v1_mounts,
       "4:cpu,cpuacct:/../b\n",
       {{v1 + "cpu.cfs_quota_us", "200000\n"}, {v1 + "cpu.cfs_period_us", "100000\n"}},
       2},
      {"hybrid: the quota is v1's",
       v1_mounts + "35 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
       "4:cpu,cpuacct:/a\n1:name=systemd:/a\n0::/a\n",
       {{v1 + "a/cpu.cfs_quota_us", "200000\n"}, {v1 + "a/cpu.cfs_period_us", "100000\n"}},
       2},
      {"both: the lesser counts",
       v1_mounts + "35 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
       "4:cpu,cpuacct:/a\n0::/b\n",
       {{v1 + "a/cpu.cfs_quota_us", "800000\n"},
        {v1 + "a/cpu.cfs_period_us", "100000\n"},
        {"sys/fs/cgroup/unified/b/cpu.max", "500000 100000\n"}},
       5},
      {"mounted elsewhere, names with a space and a backslash",
       "30 25 0:26 / /my\\040groups rw - cgroup2 none rw\n",
       "0::/a\\x2db\n",
       {{"my groups/a\\x2db/cpu.max", "700000 100000\n"}},
       7},
      {"nothing mounted", "", "0::/\n", {}, std::nullopt},
      {"nothing at all", "", "", {}, std::nullopt}};
  for (const Case& c : cases) {
    const std::filesystem::path root =
        std::filesystem::path(testing::TempDir()) / ("cpu_count_test." + std::to_string(getpid()));
    const auto write = [&root](const std::filesystem::path& path, const std::string& text) {
      std::filesystem::create_directories((root / path).parent_path());
      std::ofstream(root / path) << text;
    };
    write("proc/self/mountinfo", c.mountinfo);
    write("proc/self/cgroup", c.groups);
    for (const auto& [path, text] : c.files) write(path, text);
    EXPECT_EQ(CgroupCores(root), c.cores) << c.name;
    std::filesystem::remove_all(root);
  }
}

TEST(AvailableCores, IsAtLeastOneAndAtMostTheMachines) {
  EXPECT_GE(AvailableCores(), 1);
  EXPECT_LE(AvailableCores(), static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace chorus::runner
