#pragma once

// A child process with its output in a pipe.
//
// The kernel kills it when the thread that started it ends, however and whenever that happens. It
// leads its own process group, so that a terminal's Ctrl-C does not reach it and its children die
// with it. Its standard input is /dev/null; signal mask and dispositions are the defaults.
//
// Thread safety: none. Start it on a thread that lives as long as the child must.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/serve/restart_policy.h"

namespace chorus {

class ChildProcess {
 public:
  // `argv[0]` is the path of the executable. If it cannot be run, the child says so in its output
  // and exits with 127. RESOURCE_EXHAUSTED and the like if fork or pipe fails.
  static absl::StatusOr<ChildProcess> Start(const std::vector<std::string>& argv);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();  // Kills it if it still runs, and waits.

  pid_t pid() const { return pid_; }

  // Standard output and error, in the order written; not blocking.
  int output_fd() const { return output_fd_; }

  // To its whole group. No effect once it has been waited for.
  void Signal(int signal);

  // How it ended, once it has. Does not block.
  std::optional<ChildExit> TryWait();

  // The same, but blocks until it has ended.
  ChildExit Wait();

 private:
  ChildProcess(pid_t pid, int output_fd) : pid_(pid), output_fd_(output_fd) {}
  std::optional<ChildExit> WaitWith(int flags);

  pid_t pid_;  // -1 once moved from.
  int output_fd_;
  std::optional<ChildExit> exit_;
};

}  // namespace chorus
