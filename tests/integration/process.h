#pragma once

// Children of a test: started, read, signalled and always reaped.
//
// Thread safety: none.

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace chorus {

class Process {
 public:
  // Starts `arguments[0]` with its standard output and error going to the file `log`; aborts the
  // test if it cannot. The child gets this process's environment and `environment` over it.
  Process(std::vector<std::string> arguments, std::string log,
          std::map<std::string, std::string> environment = {});
  // Ends the child with SIGKILL if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  std::string Log() const;

  // Waits until the log has a line that holds `text` and returns that line; empty after `patience`
  // or when the child ended.
  std::string WaitForLine(const std::string& text, std::chrono::seconds patience);

  // How many times the log has it, and whether it has it so many times within `patience`.
  int Count(const std::string& text) const;
  bool WaitForCount(const std::string& text, int count, std::chrono::seconds patience) const;

  void Signal(int signal);
  // The exit status as a shell gives it (128 + n for signal n); -1 after `patience`.
  int WaitForExit(std::chrono::seconds patience);

 private:
  const std::string log_;
  pid_t pid_ = -1;
  int status_ = -1;  // Set once reaped.
};

// Pids of the living children of `parent`, with their command lines (arguments joined by spaces).
std::map<pid_t, std::string> ChildrenOf(pid_t parent);

// Whether the process exists and is not a zombie.
bool Alive(pid_t pid);

struct ShellResult {
  int exit_status;
  std::string out;
};

// Runs a shell command to its end; standard error goes with standard output.
ShellResult Shell(const std::string& command);

// A new empty folder below the test's temporary folder; short, since unix sockets go there.
std::string MakeTempDir();

void PauseBetweenTries();

// Calls `condition` every few milliseconds until it is true (true) or `patience` is over (false).
template <typename Condition>
bool Eventually(Condition condition, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    PauseBetweenTries();
  }
  return true;
}

// The value of `key` in a file of KEY=VALUE lines, such as --ports_file writes; waits for the file.
// Empty if it does not come within `patience`.
std::string WaitForPort(const std::string& path, const std::string& key,
                        std::chrono::milliseconds patience);

}  // namespace chorus
