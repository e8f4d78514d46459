#pragma once

// Takes over what changes of what `chorus serve --reload` serves, while calls run.
//
// A change that is seen twice is checked, on a thread of its own. Then each runner whose model or
// flags are others gets a process beside the old one; when all of those have loaded their models,
// the gateway is given its new configuration, and moves to them (api_server/runners/replica_set.h).
// That is waited for, however long it takes; then what was changed counts as served. A process that
// is no longer named ends when the gateway has no call there any more.
//
// What cannot be loaded, or ends before the gateway has moved to it, or the gateway refuses, is
// said once and taken back. So is what is changed again meanwhile, and the latest taken instead.
// The new processes then end when the gateway is known to have taken the old files again.
//
// The gateway's page of metrics tells what it has done: the reloads it has counted, what it waits
// for, and the replicas it knows.
//
// Driven by a poll loop; blocks only to read small files. Thread safety: none.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/change_watch.h"
#include "base/socket_address.h"
#include "cli/serve/http_probe.h"
#include "cli/serve/runner_processes.h"
#include "cli/serve/serve_plan.h"
#include "cli/serve/serve_work.h"

namespace chorus {

// What a Reloader asks of the supervisor.
class ReloadHost {
 public:
  virtual ~ReloadHost() = default;
  // Starts a child, which is not started again when it ends. Returns its number.
  virtual size_t StartOnTrial(ChildSpec spec) = 0;
  virtual void SetRestarts(size_t child, bool restarts) = 0;
  // False: it has no process any more, or none yet.
  virtual bool Stop(size_t child) = 0;
  virtual void ReloadGateway() = 0;
  // Unset while it does not listen.
  virtual std::optional<SocketAddress> gateway_address() const = 0;
  virtual void Say(std::string_view text) = 0;
};

class Reloader {
 public:
  struct Options {
    ServeSettings settings;
    std::filesystem::path gateway_config_file;
    size_t num_slots = 0;  // Of the core lease.
    // Looks for what is to be served: quickly, and on this thread. The other hashes models.
    std::function<absl::StatusOr<ServeWork>()> find;
    std::function<absl::Status(ServeWork& work)> check;
    absl::Duration look_every = absl::Seconds(1);
    absl::Duration step_every = absl::Milliseconds(100);  // While something is under way.
    absl::Duration retry_after = absl::Seconds(10);       // When the gateway does not answer.
    absl::Duration say_wait_after = absl::Seconds(3);     // When it waits for runners.
  };

  // `work` is being served by `children`, in the order of MakeServePlan; their numbers are from 0.
  // `host` must outlive the reloader.
  Reloader(Options options, ServeWork work, const std::vector<ChildSpec>& children,
           ReloadHost& host);

  // Waits for a check that is under way.
  ~Reloader() = default;

  // Call on every iteration and at next_deadline().
  void Advance(absl::Duration now);

  // A look is due now, and takes also what was refused.
  void Ask() { asked_ = true; }

  // A child has ended by itself; `why` as DescribeFailure() says.
  void OnExit(size_t child, std::string_view why);

  // Call when poll reports anything on probe_fd().
  void OnProbeEvent();

  int probe_fd() const { return probe_ ? probe_->fd() : -1; }
  int16_t probe_events() const { return probe_ ? probe_->events() : 0; }
  absl::Duration next_deadline() const { return next_; }

 private:
  enum class Step {
    kIdle,
    kCheck,    // Waits for checked_.
    kLoad,     // Waits for the processes on trial.
    kCount,    // Waits for the page, to learn how often the gateway has reloaded.
    kConfirm,  // Waits for the page that counts one more, and waits for nothing.
  };

  void Look(absl::Duration now);
  void Check(const ServeWork& work, absl::Duration now);
  void OnChecked(absl::StatusOr<ServeWork> work, absl::Duration now);
  void Begin(absl::Duration now);
  void Load(absl::Duration now);
  // With the page that was asked for, if it has come.
  void OnPage(const std::string& page, absl::Duration now);
  void Finish(absl::Duration now);
  void Refuse(const std::string& why, absl::Duration now);
  // Leaves the change that is under way.
  void TakeBack(absl::Duration now);
  void OnTakenBack(absl::Duration now);
  void AskForPage();
  void StopLeaving(const std::string& page);
  absl::Status WriteFiles() const;
  void Go(Step step, absl::Duration now);

  const Options options_;
  ReloadHost& host_;
  Step step_ = Step::kIdle;
  absl::Duration since_;  // step_ began.
  absl::Duration next_;   // The next step.
  absl::Duration next_look_;
  bool asked_ = false;

  ServeWork work_;                    // What is served,
  std::vector<ServedRunner> served_;  // and by which processes.
  std::vector<RunnerProcess> leaving_;

  ChangeWatch<ServeWork> watch_;
  std::string complaint_;  // Of the last look.

  // While a change is under way.
  ServeWork found_;  // That is taken over; next_work_ once it is checked.
  ServeWork next_work_;
  std::vector<ServedRunner> next_served_;
  std::future<absl::StatusOr<ServeWork>> checked_;
  std::string trial_failure_;
  // That the gateway had counted before it was given the files of the change; unset: it was not.
  std::optional<int64_t> num_reloads_;
  bool gateway_waits_ = false;  // As the last page said.
  bool wait_is_said_ = false;

  // While it is taken back: its processes, and what is to be taken over instead.
  bool taking_back_ = false;
  std::vector<RunnerProcess> dropped_;
  std::optional<ServeWork> instead_;

  std::optional<HttpProbe> probe_;
  std::optional<std::string> page_;
};

}  // namespace chorus
