#pragma once

// Runs child processes as SupervisionPlan decides, in one poll loop on one thread.
//
// * Each child's output goes to `log_fd`, line by line, prefixed with "[name] ".
// * A child that ends is restarted; SIGINT and SIGTERM drain, a second one kills.
// * SIGHUP is passed to the gateway, which reloads; but if the terminal has hung up, it drains. If
// it
//   was ignored at the start (nohup), it stays so.
// * No child outlives the supervisor, even if that is killed (see ChildProcess).
//
// Thread safety: none. Run() takes over SIGINT, SIGTERM, SIGHUP, SIGCHLD and SIGPIPE: one
// supervisor in a process without other threads.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cli/serve/child_process.h"
#include "cli/serve/gateway_watch.h"
#include "cli/serve/line_prefixer.h"
#include "cli/serve/output_queue.h"
#include "cli/serve/supervision_plan.h"

namespace chorus {

class Supervisor {
 public:
  // The child that answers /readyz.
  struct Gateway {
    size_t child;  // Index in `children`.
    GatewayWatch::Options watch;
    // Printed to `out_fd` each time the gateway has become ready.
    std::function<std::string(const GatewayAddresses&)> greeting;
    // Its argv for restarts on the same addresses. Null: as at first.
    std::function<std::vector<std::string>(const GatewayAddresses&)> argv_again;
  };
  struct Options {
    std::vector<ChildSpec> children;
    std::optional<Gateway> gateway;
    SupervisionPlan::Options plan;
    int out_fd = 1;
    int log_fd = 2;
    bool color = false;  // Whether the names in the log are coloured.
  };

  explicit Supervisor(Options options);

  // Blocks until all children have ended; returns the process's exit status.
  int Run();

 private:
  struct Child {
    std::optional<ChildProcess> process;
    LinePrefixer prefixer;
    bool output_ended = false;  // Of `process`.
  };

  void Do(const SupervisionPlan::Actions& actions);
  void Start(size_t index);
  // Of the child's next process.
  std::vector<std::string> Argv(size_t index) const;
  void ReadOutput(Child& child);
  void ReapExited();
  void ReadSignals();
  void OnHangup();
  void AdvanceGateway();
  void Wait();
  void Say(std::string_view text);

  const Options options_;
  SupervisionPlan plan_;
  std::vector<Child> children_;
  std::optional<GatewayWatch> watch_;
  std::optional<GatewayAddresses> addresses_;  // The gateway's last addresses.
  OutputQueue out_;
  OutputQueue log_;
  int signal_fd_ = -1;
  int terminal_fd_ = -1;  // A standard stream that is a terminal; -1: none.
};

// Whether to colour names on `fd`: it is a terminal, and NO_COLOR is unset.
bool WantsColor(int fd);

}  // namespace chorus
