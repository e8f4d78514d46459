#pragma once

// A process of ours: started with its output in a pipe, signalled, waited for.
//
// It cannot outlive its parent: the kernel kills it when the thread that started it ends, however
// that ends, also if that happens while it is being started. It leads a process group of its own,
// so that a terminal's Ctrl-C does not reach it, and what it may have started dies with it. Its
// standard input is /dev/null; its signal mask and dispositions are the defaults.
//
// Thread safety: none. Start it from a thread that lives as long as it should.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/serve/restart_policy.h"

namespace chorus {

class ChildProcess {
 public:
  // `argv[0]` is the path of the executable. If that cannot be run, the child says so in its output
  // and exits with 127. RESOURCE_EXHAUSTED and the like when no process or pipe can be made.
  static absl::StatusOr<ChildProcess> Start(const std::vector<std::string>& argv);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();  // Kills it if it still runs, and waits.

  pid_t pid() const { return pid_; }

  // Standard output and error, in the order written; not blocking.
  int output_fd() const { return output_fd_; }

  // To its whole group. No effect once it has been waited for.
  void Signal(int signal);

  // How it ended, once it has; from then on always the same. Does not block.
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
