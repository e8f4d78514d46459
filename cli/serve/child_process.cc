#include "cli/serve/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"

namespace chorus {
namespace {

constexpr int kCannotRun = 127;  // As a shell has it.

// From here to exec only async-signal-safe calls.
[[noreturn]] void RunChild(char* const* argv, pid_t parent, int null_fd, int output_fd) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kCannotRun);  // It died before prctl.
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(null_fd, STDIN_FILENO);
  ::dup2(output_fd, STDOUT_FILENO);
  ::dup2(output_fd, STDERR_FILENO);
  ::execv(argv[0], argv);
  for (const char* text :
       {"cannot run ", static_cast<const char*>(argv[0]), ": ", ::strerrordesc_np(errno), "\n"}) {
    if (::write(STDERR_FILENO, text, ::strlen(text)) < 0) break;
  }
  ::_exit(kCannotRun);
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  pointers.reserve(argv.size() + 1);
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const int null_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null_fd < 0) return absl::ErrnoToStatus(errno, "cannot open /dev/null");
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) {
    const int error = errno;
    ::close(null_fd);
    return absl::ErrnoToStatus(error, "cannot make a pipe");
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  const int error = errno;
  if (pid == 0) RunChild(pointers.data(), parent, null_fd, output[1]);
  ::close(null_fd);
  ::close(output[1]);
  if (pid < 0) {
    ::close(output[0]);
    return absl::ErrnoToStatus(error, "cannot start " + argv[0]);
  }
  ::setpgid(pid, pid);  // Also here: Signal() may come before the child gets to it.
  ::fcntl(output[0], F_SETFL, O_NONBLOCK);
  return ChildProcess(pid, output[0]);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_fd_(std::exchange(other.output_fd_, -1)),
      exit_(other.exit_) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;
  Signal(SIGKILL);
  Wait();
  ::close(output_fd_);
}

void ChildProcess::Signal(int signal) {
  if (!exit_.has_value()) ::kill(-pid_, signal);
}

std::optional<ChildExit> ChildProcess::TryWait() { return WaitWith(WNOHANG); }

ChildExit ChildProcess::Wait() { return *WaitWith(0); }

std::optional<ChildExit> ChildProcess::WaitWith(int flags) {
  if (exit_.has_value()) return exit_;
  siginfo_t info = {};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT | flags) != 0) {
    if (errno != EINTR) return exit_ = ChildExit{false, kCannotRun};
  }
  if (info.si_pid == 0) return std::nullopt;
  // Its group's id is not used again before it has been waited for.
  ::kill(-pid_, SIGKILL);
  ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED);
  return exit_ = ChildExit{info.si_code != CLD_EXITED, info.si_status};
}

}  // namespace chorus
