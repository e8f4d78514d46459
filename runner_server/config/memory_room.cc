#include "runner_server/config/memory_room.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "runner_server/config/cgroup.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxFileBytes = 1 << 20;
constexpr int64_t kKibibyte = 1024;

std::optional<int64_t> Number(absl::string_view text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &number)) return std::nullopt;
  return number;
}

std::optional<int64_t> NumberIn(const fs::path& path) {
  return Number(ReadFile(path, kMaxFileBytes).value_or(""));
}

// The number after `key`, as a word, in a file of lines such as "inactive_file 4096" or
// "MemAvailable:    4096 kB".
std::optional<int64_t> NumberOf(std::string_view key, const fs::path& path) {
  const std::string text = ReadFile(path, kMaxFileBytes).value_or("");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() >= 2 && words[0] == key) return Number(words[1]);
  }
  return std::nullopt;
}

// Unset without a limit.
std::optional<int64_t> RoomIn(const Cgroup& group) {
  const auto limit =
      NumberIn(group.folder / (group.is_v2 ? "memory.max" : "memory.limit_in_bytes"));
  const auto used =
      NumberIn(group.folder / (group.is_v2 ? "memory.current" : "memory.usage_in_bytes"));
  if (!limit || !used) return std::nullopt;
  int64_t files = 0;
  for (const char* key : {"inactive_file", "active_file"}) {
    const std::string name = std::string(group.is_v2 ? "" : "total_") + key;
    files += NumberOf(name, group.folder / "memory.stat").value_or(0);
  }
  return std::max<int64_t>(*limit - std::max<int64_t>(*used - files, 0), 0);
}

}  // namespace

int64_t MemoryRoom(const fs::path& root) {
  int64_t room = std::numeric_limits<int64_t>::max();
  if (const auto kib = NumberOf("MemAvailable:", root / "proc/meminfo")) room = *kib * kKibibyte;
  for (const Cgroup& group : CgroupsOf("memory", root)) {
    room = std::min(room, RoomIn(group).value_or(room));
  }
  return room;
}

int64_t AnonymousMemory(const fs::path& root) {
  return NumberOf("RssAnon:", root / "proc/self/status").value_or(0) * kKibibyte;
}

}  // namespace chorus::runner
