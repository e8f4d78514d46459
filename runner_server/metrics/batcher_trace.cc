#include "runner_server/metrics/batcher_trace.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace chorus::runner {
namespace {

std::string Milliseconds(absl::Duration duration) {
  return absl::StrFormat("%.3f", absl::ToDoubleMilliseconds(duration));
}

std::string StepJson(int64_t number, absl::Time ended_at, const StepStats& stats) {
  std::string json = absl::StrFormat(
      R"({"step": %d, "ended_at": "%s", "duration_ms": %s, "predicted_ms": %s)", number,
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", ended_at, absl::UTCTimeZone()),
      Milliseconds(stats.duration),
      stats.predicted > absl::ZeroDuration() ? Milliseconds(stats.predicted) : "null");
  const std::string_view limit = StepLimitName(stats.limited_by);
  absl::StrAppendFormat(
      &json,
      R"(, "limited_by": "%s", "rows": %d, "decode_rows": %d, "tokens": %d, "prompt_tokens": %d)",
      std::string(limit), stats.num_rows, stats.num_decode_rows, stats.num_tokens,
      stats.num_prompt_tokens);
  absl::StrAppendFormat(
      &json, R"(, "generated_tokens": %d, "wasted_tokens": %d, "shared_tokens": %d)",
      stats.num_generated_tokens, stats.num_wasted_tokens, stats.num_shared_tokens);
  absl::StrAppendFormat(
      &json,
      R"(, "awaiting_prefix": %d, "preempted": %d, "running": %d, "waiting": %d, "kv_tokens": %d})",
      stats.num_awaiting_prefix, stats.num_preempted, stats.num_running, stats.num_waiting,
      stats.num_kv_tokens);
  return json;
}

}  // namespace

void BatcherTrace::Record(const StepStats& stats, absl::Time now) {
  const std::lock_guard lock(mutex_);
  const Step step = {num_recorded_ + 1, now, stats};
  if (num_recorded_ < kNumSteps) {
    steps_.push_back(step);
  } else {
    steps_[num_recorded_ % kNumSteps] = step;
  }
  ++num_recorded_;
}

std::string BatcherTrace::ToJson() const {
  std::vector<Step> steps;
  {
    const std::lock_guard lock(mutex_);
    steps = steps_;
    const int64_t oldest = num_recorded_ > kNumSteps ? num_recorded_ % kNumSteps : 0;
    std::rotate(steps.begin(), steps.begin() + oldest, steps.end());
  }
  std::string json = "{\"steps\": [";
  const char* separator = "\n";
  for (const Step& step : steps) {
    json += separator + StepJson(step.number, step.ended_at, step.stats);
    separator = ",\n";
  }
  return json + "\n]}\n";
}

}  // namespace chorus::runner
