#include "cli/bundles/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/names.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

// A file in memory that a child writes to: unlike a pipe it never fills up.
class Capture {
 public:
  Capture() : fd_(::memfd_create("output", MFD_CLOEXEC)) {}
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    if (fd_ >= 0) ::close(fd_);
  }

  int fd() const { return fd_; }

  std::string Contents() const {
    std::string text;
    char buffer[16 << 10];
    for (;;) {
      const ssize_t n = ::pread(fd_, buffer, sizeof(buffer), static_cast<off_t>(text.size()));
      if (n <= 0) return text;
      text.append(buffer, static_cast<size_t>(n));
    }
  }

 private:
  const int fd_;
};

absl::StatusOr<int> SpawnAndWait(const std::vector<std::string>& argv,
                                 const posix_spawn_file_actions_t* actions) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, pointers[0], actions, nullptr, pointers.data(), environ);
  if (error != 0) return absl::ErrnoToStatus(error, "cannot run " + argv[0]);
  int result = 0;
  while (::waitpid(pid, &result, 0) < 0) {
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "cannot wait for " + argv[0]);
  }
  return WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
}

}  // namespace

absl::StatusOr<ProgramOutput> CaptureProgram(const std::vector<std::string>& argv) {
  const Capture out, err;
  if (out.fd() < 0 || err.fd() < 0) return absl::ErrnoToStatus(errno, "cannot capture output");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err.fd(), STDERR_FILENO);
  const absl::StatusOr<int> exit_status = SpawnAndWait(argv, &actions);
  ::posix_spawn_file_actions_destroy(&actions);
  RETURN_IF_ERROR(exit_status.status());
  return ProgramOutput{*exit_status, out.Contents(), err.Contents()};
}

absl::StatusOr<int> RunProgram(const std::vector<std::string>& argv) {
  return SpawnAndWait(argv, nullptr);
}

std::string FormatCommand(const std::vector<std::string>& argv) {
  std::vector<std::string> words;
  for (const std::string& argument : argv) {
    const bool is_plain = !argument.empty() && HasNameCharacters(argument, "/:=,@%+");
    words.push_back(is_plain
                        ? argument
                        : absl::StrCat("'", absl::StrReplaceAll(argument, {{"'", "'\\''"}}), "'"));
  }
  return absl::StrJoin(words, " ");
}

}  // namespace chorus
