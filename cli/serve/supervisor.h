#pragma once

// Runs child processes as SupervisionPlan decides, in one poll loop on one thread.
//
// * Each child's output goes to `log_fd`, line by line, prefixed with "[name] ".
// * A child that ends is restarted; SIGINT and SIGTERM drain, a second one kills.
// * A Reloader, if there is one, starts further children and stops others.
// * SIGHUP is passed to the reloader, or else to the gateway, which reloads; but if the terminal
//   has hung up, it drains. If it was ignored at the start (nohup), it stays so.
// * No child outlives the supervisor, even if that is killed (see ChildProcess).
//
// Thread safety: none. Run() takes over SIGINT, SIGTERM, SIGHUP, SIGCHLD and SIGPIPE: one
// supervisor in a process without other threads.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cli/serve/child_process.h"
#include "cli/serve/gateway_watch.h"
#include "cli/serve/line_prefixer.h"
#include "cli/serve/output_queue.h"
#include "cli/serve/reloader.h"
#include "cli/serve/supervision_plan.h"

namespace chorus {

class Supervisor : private ReloadHost {
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
    // Null: nothing is reloaded but by the gateway itself. The host is the supervisor.
    std::function<std::unique_ptr<Reloader>(ReloadHost& host)> make_reloader;
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

  size_t StartOnTrial(ChildSpec spec) override;
  void SetRestarts(size_t child, bool restarts) override { plan_.SetRestarts(child, restarts); }
  bool Stop(size_t child) override;
  void ReloadGateway() override;
  std::optional<SocketAddress> gateway_address() const override;
  void Say(std::string_view text) override;

  void Do(const SupervisionPlan::Actions& actions);
  void AddChild(size_t index);
  void Start(size_t index);
  // Of the child's next process.
  std::vector<std::string> Argv(size_t index) const;
  void ReadOutput(Child& child);
  void ReapExited();
  void OnExit(size_t index, const ChildExit& exit, const std::string& last_line);
  void ReadSignals();
  void OnHangup();
  void AdvanceGateway();
  void Wait();
  // Null: there is none, or it stops.
  Reloader* reloader() const { return plan_.stopping() ? nullptr : reloader_.get(); }

  Options options_;  // Whose children become more.
  SupervisionPlan plan_;
  std::vector<Child> children_;
  std::optional<GatewayWatch> watch_;
  std::unique_ptr<Reloader> reloader_;         // Null: none.
  std::optional<GatewayAddresses> addresses_;  // The gateway's last addresses.
  OutputQueue out_;
  OutputQueue log_;
  int signal_fd_ = -1;
  int terminal_fd_ = -1;  // A standard stream that is a terminal; -1: none.
};

// Whether to colour names on `fd`: it is a terminal, and NO_COLOR is unset.
bool WantsColor(int fd);

}  // namespace chorus
