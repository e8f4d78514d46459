#include "runner_server/config/memory_room.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "tests/base/temp_directory.h"

namespace chorus::runner {
namespace {

TEST(MemoryRoom, IsTheLeastThatAnythingLeaves) {
  const std::string v1_mounts =
      "33 30 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
      "34 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  const std::string v2_mounts = "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  const std::string v1 = "sys/fs/cgroup/memory/", v2 = "sys/fs/cgroup/";
  struct Case {
    std::string name;
    std::string mountinfo;
    std::string groups;  // /proc/self/cgroup
    std::map<std::string, std::string> files;
    int64_t room;
  };
  const std::vector<Case> cases = {
      {"no limit", v2_mounts, "0::/a\n", {{v2 + "a/memory.max", "max\n"}}, 1000 * 1024},
      {"v2, with files that can be given up",
       v2_mounts,
       "0::/a\n",
       {{v2 + "a/memory.max", "5000\n"},
        {v2 + "a/memory.current", "4000\n"},
        {v2 + "a/memory.stat", "anon 1\nfile 9\ninactive_file 500\nactive_file 200\n"}},
       1700},
      {"v2, a group around it",
       v2_mounts,
       "0::/a/b\n",
       {{v2 + "a/memory.max", "5000\n"},
        {v2 + "a/memory.current", "4900\n"},
        {v2 + "a/b/memory.max", "5000\n"},
        {v2 + "a/b/memory.current", "10\n"}},
       100},
      {"v2, beyond its limit",
       v2_mounts,
       "0::/a\n",
       {{v2 + "a/memory.max", "5000\n"}, {v2 + "a/memory.current", "6000\n"}},
       0},
      {"v1",
       v1_mounts,
       "5:cpu:/x\n4:memory:/a\n",
       {{v1 + "a/memory.limit_in_bytes", "5000\n"},
        {v1 + "a/memory.usage_in_bytes", "4000\n"},
        {v1 + "a/memory.stat", "inactive_file 1\ntotal_inactive_file 300\n"}},
       1300},
      {"v1, no limit",
       v1_mounts,
       "4:memory:/a\n",
       {{v1 + "a/memory.limit_in_bytes", "9223372036854771712\n"},
        {v1 + "a/memory.usage_in_bytes", "4000\n"}},
       1000 * 1024}};
  for (const Case& c : cases) {
    const TempDirectory root;
    PutFile(root / "proc/meminfo", "MemTotal:  9 kB\nMemAvailable:     1000 kB\n");
    PutFile(root / "proc/self/mountinfo", c.mountinfo);
    PutFile(root / "proc/self/cgroup", c.groups);
    for (const auto& [path, text] : c.files) PutFile(root / path, text);
    EXPECT_EQ(MemoryRoom(root.path()), c.room) << c.name;
  }
}

TEST(MemoryRoom, IsUnknownWhereNothingTells) {
  const TempDirectory root;
  EXPECT_EQ(MemoryRoom(root.path()), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(AnonymousMemory(root.path()), 0);
}

TEST(AnonymousMemory, CountsWhatIsTouched) {
  const int64_t before = AnonymousMemory();
  EXPECT_GT(before, 0);
  EXPECT_LT(MemoryRoom(), std::numeric_limits<int64_t>::max());
  const std::string bytes(64 << 20, 'x');
  EXPECT_GE(AnonymousMemory() - before, 60 << 20);
}

TEST(AnonymousMemory, IsInKibibytes) {
  const TempDirectory root;
  PutFile(root / "proc/self/status", "VmRSS:\t  900 kB\nRssAnon:\t     600 kB\n");
  EXPECT_EQ(AnonymousMemory(root.path()), 600 * 1024);
}

}  // namespace
}  // namespace chorus::runner
