#pragma once

// A ring of the engine's last steps, which shows what limited each batch. Numbers only, no texts.
//
// Thread safety: all methods may be called from any thread.

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runner_server/engine/engine_observer.h"

namespace chorus::runner {

class BatcherTrace {
 public:
  static constexpr int kNumSteps = 256;

  BatcherTrace() { steps_.reserve(kNumSteps); }

  // A step has ended, at `now`.
  void Record(const StepStats& stats, absl::Time now);

  // {"steps": [...]}, oldest first; docs/batching.md explains the fields.
  std::string ToJson() const;

 private:
  struct Step {
    int64_t number;  // Counted from 1.
    absl::Time ended_at;
    StepStats stats;
  };

  mutable std::mutex mutex_;  // Guards everything below.
  std::vector<Step> steps_;   // Step n is at (n - 1) % kNumSteps.
  int64_t num_recorded_ = 0;
};

}  // namespace chorus::runner
