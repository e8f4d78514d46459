#pragma once

// Runs child processes until told to stop: does what SupervisionPlan decides, in one poll loop on
// one thread.
//
// * Each child's output goes to `log_fd`, line by line, with "[name] " before it.
// * A child that ends is started again; SIGINT, SIGTERM and SIGHUP drain, a second one kills.
// * No child outlives the supervisor, even when that is killed (see ChildProcess).
//
// Thread safety: none. Run() takes over SIGINT, SIGTERM, SIGHUP, SIGCHLD and SIGPIPE of the
// process, so there is one of these a process, and no other thread.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cli/child_process.h"
#include "cli/child_spec.h"
#include "cli/gateway_watch.h"
#include "cli/line_prefixer.h"
#include "cli/output_queue.h"
#include "cli/supervision_plan.h"

namespace chorus {

class Supervisor {
 public:
  // The child that answers /readyz for all.
  struct Gateway {
    size_t child;  // Index in `children`.
    GatewayWatch::Options watch;
    // Printed to `out_fd` each time the gateway has become ready.
    std::function<std::string(const GatewayAddresses&)> greeting;
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

  // Returns when all children have ended, with the exit status for the process.
  int Run();

 private:
  struct Child {
    std::optional<ChildProcess> process;
    LinePrefixer prefixer;
    bool output_ended = false;  // Of `process`.
  };

  void Do(const SupervisionPlan::Actions& actions);
  void Start(size_t index);
  void ReadOutput(Child& child);
  void ReapExited();
  void ReadSignals();
  void AdvanceGateway();
  void Wait();
  void Say(std::string_view text);

  const Options options_;
  SupervisionPlan plan_;
  std::vector<Child> children_;
  std::optional<GatewayWatch> watch_;
  OutputQueue out_;
  OutputQueue log_;
  int signal_fd_ = -1;
};

// Whether names in a log on `fd` should be coloured: a terminal, and NO_COLOR is not set.
bool WantsColor(int fd);

}  // namespace chorus
