#pragma once

// Decides what a supervisor does with its children: starts, restarts, the order of stopping, and
// kills. The supervisor reports events and carries out the actions.
//
// Children may be added while it serves, and a single one stopped: that gets SIGTERM, and is killed
// after `stop_timeout`. One whose restarts are off is done when it has ended.
//
// Stopping goes by stages: the children of the lowest stage get SIGTERM and are waited for, then
// those of the next. After `stop_timeout` a stage is killed. A second signal kills all at once.
//
// Pure: no clock, no processes; `now` is a monotonic clock.
// Thread safety: none.
// Invariants: (1) a child has at most one process. (2) Once stopping has begun nothing is started.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cli/serve/restart_policy.h"

namespace chorus {

class SupervisionPlan {
 public:
  struct Child {
    std::string name;
    int stop_stage = 0;
    bool essential = false;  // If it exits by itself, not with 0, before OnReady, all stop: its
                             // arguments are wrong.
    std::string advice;      // Shown to the user then, after its last line. May be empty.
  };
  struct Options {
    RestartPolicy::Options restart;
    absl::Duration stop_timeout = absl::Seconds(35);  // For each stage.
  };
  struct Action {
    enum class Kind {
      kStart,      // Start child number `child`.
      kTerminate,  // Send it SIGTERM.
      kKill,       // Send it SIGKILL.
      kSay,        // Tell the user `text`.
    };
    Kind kind;
    size_t child = 0;
    std::string text;
    bool operator==(const Action&) const = default;
  };
  using Actions = std::vector<Action>;

  SupervisionPlan(std::vector<Child> children, const Options& options);

  // Another child, to be started by the next Advance(). Returns its number.
  size_t Add(Child child, bool restarts);

  // Whether the child is started again when it ends by itself.
  void SetRestarts(size_t child, bool restarts) { entries_[child].restarts = restarts; }

  // Ends the child for good.
  Actions Stop(size_t child, absl::Duration now);

  // The actions due now. Call first, after every event, and at next_deadline().
  Actions Advance(absl::Duration now);

  // The process of a kStart has ended, or could not be created. `last_line` is its last output.
  Actions OnExit(size_t child, const ChildExit& exit, std::string_view last_line,
                 absl::Duration now);

  // All are ready: later exits are not configuration errors.
  void OnReady() { was_ready_ = true; }

  // A stop signal: the first drains, the second kills.
  Actions OnStopSignal(int signal, absl::Duration now);

  // InfiniteDuration if there is none.
  absl::Duration next_deadline() const;

  // Whether stopping has begun and no process is left.
  bool finished() const;
  bool stopping() const { return mode_ != Mode::kServing; }

  // 0 after a drain in time, 1 after a failure, 128 + signal after the second signal.
  int exit_status() const { return exit_status_; }

 private:
  enum class Mode { kServing, kStopping, kKilling };
  enum class State { kWaiting, kRunning, kStopped };
  struct Entry {
    Child child;
    RestartPolicy policy;
    State state = State::kWaiting;
    absl::Duration since;  // kRunning: when it was started. kWaiting: when it is due.
    bool restarts = true;
    absl::Duration kill_at = absl::InfiniteDuration();  // It has been told to end.
  };

  void BeginStop(absl::Duration now, Actions& actions);
  void AdvanceStop(absl::Duration now, Actions& actions);
  void SignalRunning(Action::Kind kind, Actions& actions, const int* stage = nullptr) const;

  std::vector<Entry> entries_;
  Options options_;
  Mode mode_ = Mode::kServing;
  bool was_ready_ = false;
  int exit_status_ = 0;
  int stage_ = 0;                                             // While kStopping.
  absl::Duration stage_deadline_ = absl::InfiniteDuration();  // While kStopping.
};

// "exited with status 1", "was killed by signal 9 (Killed)".
std::string DescribeExit(const ChildExit& exit);

// Why a process is gone that should have gone on: what it last said where that is its reason, and
// how it ended.
std::string DescribeFailure(const ChildExit& exit, const std::string& last_line);

// A child, and how to start it.
struct ChildSpec {
  SupervisionPlan::Child child;
  std::vector<std::string> argv;  // argv[0] is the executable's path.
  // Files it makes; removed before each start, so that none is taken for the new process's.
  std::vector<std::filesystem::path> made_files;
};

}  // namespace chorus
