#include "cli/serve/restart_policy.h"

#include <algorithm>

namespace chorus {

RestartPolicy::Decision RestartPolicy::OnExit(const ChildExit& exit, absl::Duration ran_for) {
  const bool was_healthy = ran_for >= options_.healthy_after;
  if (was_healthy) num_exits_ = num_failed_starts_ = 0;
  const bool failed_start = !was_healthy && !exit.by_signal && exit.code != 0;
  num_failed_starts_ = failed_start ? num_failed_starts_ + 1 : 0;

  Decision decision;
  decision.delay = options_.initial_backoff;
  for (int i = 0; i < num_exits_ && decision.delay < options_.max_backoff; ++i) decision.delay *= 2;
  decision.delay = std::min(decision.delay, options_.max_backoff);
  decision.num_failed_starts = num_failed_starts_;
  decision.report = num_failed_starts_ == options_.tries_before_report;
  ++num_exits_;
  return decision;
}

}  // namespace chorus
