#include "cli/serve/supervision_plan.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus {
namespace {

using Kind = SupervisionPlan::Action::Kind;

SupervisionPlan::Action Say(std::string text) { return {Kind::kSay, 0, std::move(text)}; }

}  // namespace

std::string DescribeExit(const ChildExit& exit) {
  if (!exit.by_signal) return absl::StrCat("exited with status ", exit.code);
  const char* description = ::sigdescr_np(exit.code);
  return absl::StrCat("was killed by signal ", exit.code, " (",
                      description != nullptr ? description : "unknown", ")");
}

std::string DescribeFailure(const ChildExit& exit, const std::string& last_line) {
  // One that is killed has not said so, and one that ends in order gives no reason.
  if (exit.by_signal || exit.code == 0 || last_line.empty()) {
    const bool out_of_memory = exit.by_signal && exit.code == SIGKILL;
    return absl::StrCat("its process ", DescribeExit(exit),
                        out_of_memory ? "; memory may have run out" : "");
  }
  return absl::StrCat(last_line, " (it ", DescribeExit(exit), ")");
}

SupervisionPlan::SupervisionPlan(std::vector<Child> children, const Options& options)
    : options_(options) {
  for (Child& child : children) {
    entries_.push_back({std::move(child), RestartPolicy(options.restart), State::kWaiting,
                        -absl::InfiniteDuration()});
  }
}

size_t SupervisionPlan::Add(Child child, bool restarts) {
  entries_.push_back({.child = std::move(child),
                      .policy = RestartPolicy(options_.restart),
                      .since = -absl::InfiniteDuration(),
                      .restarts = restarts});
  return entries_.size() - 1;
}

SupervisionPlan::Actions SupervisionPlan::Stop(size_t child, absl::Duration now) {
  Entry& entry = entries_[child];
  entry.restarts = false;
  if (entry.state != State::kRunning) {
    entry.state = State::kStopped;
    return {};
  }
  if (stopping() || entry.kill_at != absl::InfiniteDuration()) return {};
  entry.kill_at = now + options_.stop_timeout;
  return {{Kind::kTerminate, child, ""}};
}

SupervisionPlan::Actions SupervisionPlan::Advance(absl::Duration now) {
  Actions actions;
  if (mode_ == Mode::kStopping) AdvanceStop(now, actions);
  if (mode_ != Mode::kServing) return actions;
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.state == State::kRunning && entry.kill_at <= now) {
      entry.kill_at = absl::InfiniteDuration();
      actions.push_back({Kind::kKill, i, ""});
    }
    if (entry.state != State::kWaiting || entry.since > now) continue;
    entry.state = State::kRunning;
    entry.since = now;
    actions.push_back({Kind::kStart, i, ""});
  }
  return actions;
}

SupervisionPlan::Actions SupervisionPlan::OnExit(size_t child, const ChildExit& exit,
                                                 std::string_view last_line, absl::Duration now) {
  Actions actions;
  Entry& entry = entries_[child];
  const std::string& name = entry.child.name;
  const absl::Duration ran_for = now - entry.since;
  entry.state = State::kStopped;
  const std::string words =
      last_line.empty() ? "it said nothing" : absl::StrCat("it last said: ", AbslView(last_line));
  if (mode_ == Mode::kStopping) {
    if (exit != ChildExit{}) {
      actions.push_back(Say(absl::StrCat(name, " ", DescribeExit(exit), " while stopping")));
    }
    AdvanceStop(now, actions);
    return actions;
  }
  if (mode_ == Mode::kKilling || !entry.restarts) return actions;
  if (entry.child.essential && !was_ready_ && !exit.by_signal && exit.code != 0) {
    const std::string& advice = entry.child.advice;
    actions.push_back(Say(absl::StrCat(name, " cannot start (", DescribeExit(exit), "); ", words,
                                       advice.empty() ? "" : "; ", advice)));
    exit_status_ = 1;
    BeginStop(now, actions);
    return actions;
  }
  const RestartPolicy::Decision decision = entry.policy.OnExit(exit, ran_for);
  entry.state = State::kWaiting;
  entry.since = now + decision.delay;
  std::string text = absl::StrCat(name, " ", DescribeExit(exit), "; starting it again in ",
                                  absl::FormatDuration(decision.delay));
  if (decision.report) {
    text = absl::StrCat(name, " cannot start, after ", decision.num_failed_starts, " tries (",
                        DescribeExit(exit), "); ", words,
                        "; the others go on, and it is tried again at least every ",
                        absl::FormatDuration(options_.restart.max_backoff));
  }
  actions.push_back(Say(std::move(text)));
  return actions;
}

SupervisionPlan::Actions SupervisionPlan::OnStopSignal(int signal, absl::Duration now) {
  Actions actions;
  if (mode_ == Mode::kServing) {
    actions.push_back(Say("draining; a second signal (Ctrl-C) stops at once"));
    BeginStop(now, actions);
  } else if (mode_ == Mode::kStopping) {
    actions.push_back(Say("stopping at once"));
    exit_status_ = 128 + signal;
    mode_ = Mode::kKilling;
    SignalRunning(Kind::kKill, actions);
  }
  return actions;
}

void SupervisionPlan::BeginStop(absl::Duration now, Actions& actions) {
  mode_ = Mode::kStopping;
  stage_ = INT_MIN;
  for (Entry& entry : entries_) {
    if (entry.state == State::kWaiting) entry.state = State::kStopped;
  }
  AdvanceStop(now, actions);
}

void SupervisionPlan::AdvanceStop(absl::Duration now, Actions& actions) {
  int lowest = INT_MAX;
  for (const Entry& entry : entries_) {
    if (entry.state == State::kRunning) lowest = std::min(lowest, entry.child.stop_stage);
  }
  if (lowest == INT_MAX) return;
  if (lowest > stage_) {
    stage_ = lowest;
    stage_deadline_ = now + options_.stop_timeout;
    SignalRunning(Kind::kTerminate, actions, &stage_);
  } else if (now >= stage_deadline_) {
    for (const Entry& entry : entries_) {
      if (entry.state != State::kRunning || entry.child.stop_stage != stage_) continue;
      actions.push_back(
          Say(absl::StrCat(entry.child.name, " did not stop within ",
                           absl::FormatDuration(options_.stop_timeout), "; killing it")));
    }
    exit_status_ = 1;
    stage_deadline_ = absl::InfiniteDuration();
    SignalRunning(Kind::kKill, actions, &stage_);
  }
}

void SupervisionPlan::SignalRunning(Kind kind, Actions& actions, const int* stage) const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.state != State::kRunning) continue;
    if (stage == nullptr || entry.child.stop_stage == *stage) actions.push_back({kind, i, ""});
  }
}

absl::Duration SupervisionPlan::next_deadline() const {
  if (mode_ == Mode::kStopping) return stage_deadline_;
  absl::Duration next = absl::InfiniteDuration();
  if (mode_ == Mode::kKilling) return next;
  for (const Entry& entry : entries_) {
    if (entry.state == State::kWaiting) next = std::min(next, entry.since);
    if (entry.state == State::kRunning) next = std::min(next, entry.kill_at);
  }
  return next;
}

bool SupervisionPlan::finished() const {
  return stopping() && std::none_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
           return entry.state == State::kRunning;
         });
}

}  // namespace chorus
