#pragma once

// Decides what a supervisor does with its children: which to start, when to start one again, in
// what order to stop them, and when to lose patience. The supervisor tells it what happened and
// does what it answers.
//
// Stopping goes by stages: those of the lowest stage are told to end (SIGTERM) and waited for, then
// those of the next. A stage that takes longer than `stop_timeout` is killed. A second signal kills
// all of them at once.
//
// Pure: no clock, no processes; `now` is any clock that does not go back.
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
    bool essential = false;  // If it gives up (exits by itself, not with 0) before OnReady, all
                             // stop: what it was given is wrong, and trying again would not help.
    std::string advice;      // Told the user then, after what it last said. Empty: nothing.
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

  // What is due now: starts, the next stage, the end of patience. Call at first, after every event,
  // and when next_deadline() comes.
  Actions Advance(absl::Duration now);

  // The process of a kStart has ended, or could not be made. `last_line` is the last it printed.
  Actions OnExit(size_t child, const ChildExit& exit, std::string_view last_line,
                 absl::Duration now);

  // The whole works: from now on no exit is a mistake in the configuration.
  void OnReady() { was_ready_ = true; }

  // The user wants to stop: at first gently, the second time at once.
  Actions OnStopSignal(int signal, absl::Duration now);

  // InfiniteDuration when only events matter.
  absl::Duration next_deadline() const;

  // Stopping has begun and no process is left.
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

// A child, and how to start it.
struct ChildSpec {
  SupervisionPlan::Child child;
  std::vector<std::string> argv;  // argv[0] is the executable's path.
  // Files it makes; removed before each start, so that none is taken for the new process's.
  std::vector<std::filesystem::path> made_files;
};

}  // namespace chorus
