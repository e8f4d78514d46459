#include "model_store/folder_owner.h"

#include <signal.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/digest.h"
#include "base/read_file.h"
#include "base/string_view.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNumDigits = 8;
constexpr int64_t kMaxProcBytes = 4096;

std::string RandomDigits() {
  return absl::StrCat(absl::Hex(std::random_device{}(), absl::kZeroPad8));
}

// Of this boot of this host and of this pid namespace: within one, a pid means one process at a
// time. Where the kernel does not tell, each process is a machine of its own.
std::string Machine() {
  static const std::string kMachine = [] {
    const absl::StatusOr<std::string> boot =
        ReadFile("/proc/sys/kernel/random/boot_id", kMaxProcBytes);
    std::error_code error;
    const fs::path pids = fs::read_symlink("/proc/self/ns/pid", error);
    struct utsname host;
    if (!boot.ok() || error || ::uname(&host) != 0) return RandomDigits();
    Sha256 hash;
    hash.Update(absl::StrCat(*boot, pids.native(), "\n", host.nodename));
    return std::move(hash).HexDigest().substr(0, kNumDigits);
  }();
  return kMachine;
}

// When the process began, in ticks since the boot (proc(5), /proc/PID/stat, field 22); unset when
// it is not shown, or is only waited for.
struct ProcessState {
  bool ended = false;
  std::optional<uint64_t> start;
};

ProcessState StateOf(pid_t pid) {
  if (::kill(pid, 0) != 0 && errno == ESRCH) return {.ended = true};
  const absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat("/proc/", pid, "/stat"), kMaxProcBytes);
  if (!text.ok()) return {};
  // The second field, the program's name in parentheses, may hold anything.
  const size_t name_end = text->rfind(") ");
  if (name_end == std::string::npos) return {};
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(*text).substr(name_end + 2), ' ');
  ProcessState state{.ended = fields[0] == "Z" || fields[0] == "X"};
  if (uint64_t start = 0; fields.size() > 19 && absl::SimpleAtoi(fields[19], &start)) {
    state.start = start;
  }
  return state;
}

bool AreDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isxdigit(c); });
}

}  // namespace

std::string NameOwnedFolder(std::string_view prefix) {
  const pid_t pid = ::getpid();  // Not kept: a fork's child is another.
  return absl::StrCat(AbslView(prefix), RandomDigits(), "-", Machine(), "-", pid, "-",
                      StateOf(pid).start.value_or(0));
}

bool IsOwnedFolderName(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  if (name.size() < kNumDigits || !AreDigits(name.substr(0, kNumDigits))) return false;
  name.remove_prefix(kNumDigits);
  if (name.empty()) return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(AbslView(name), '-');
  return parts.size() == 4 && parts[0].empty() &&
         std::all_of(parts.begin() + 1, parts.end(), [](absl::string_view part) {
           return !part.empty() && AreDigits(StdView(part));
         });
}

FolderOwner OwnerOf(std::string_view name, std::string_view prefix) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(AbslView(name.substr(prefix.size())), '-');
  pid_t pid = 0;
  uint64_t start = 0;
  if (parts.size() != 4 || StdView(parts[1]) != Machine() || !absl::SimpleAtoi(parts[2], &pid) ||
      pid <= 0 || !absl::SimpleAtoi(parts[3], &start)) {
    return FolderOwner::kElsewhere;
  }
  const ProcessState state = StateOf(pid);
  // Another process may have got the same pid since.
  const bool another = state.start && start != 0 && *state.start != start;
  return state.ended || another ? FolderOwner::kGone : FolderOwner::kAlive;
}

bool IsAbandoned(const fs::path& folder, std::string_view prefix, absl::Duration quiet) {
  switch (OwnerOf(folder.filename().native(), prefix)) {
    case FolderOwner::kAlive:
      return false;
    case FolderOwner::kGone:
      return true;
    case FolderOwner::kElsewhere:
      break;
  }
  return quiet < absl::InfiniteDuration() && LastChange(folder) < absl::Now() - quiet;
}

absl::Time LastChange(const fs::path& folder) {
  std::error_code error;
  fs::file_time_type newest = fs::last_write_time(folder, error);
  if (error) return absl::InfiniteFuture();  // It is going, or is not ours to look at.
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->symlink_status(ignored).type() == fs::file_type::symlink) continue;
    const fs::file_time_type time = fs::last_write_time(it->path(), ignored);
    if (!ignored) newest = std::max(newest, time);
  }
  return absl::FromChrono(fs::file_time_type::clock::to_sys(newest));
}

}  // namespace chorus::store
