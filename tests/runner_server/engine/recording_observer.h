#pragma once

// Keeps what an engine told.

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runner_server/engine/engine_observer.h"

namespace chorus::runner {

// Thread safety: as EngineObserver asks; read the members once the engine has ended, or in tests
// without threads.
class RecordingObserver final : public EngineObserver {
 public:
  void OnStep(const StepStats& stats) override { steps.push_back(stats); }
  void OnCancelled(absl::Duration until_freed) override { cancelled.push_back(until_freed); }
  void OnRejected(RejectReason reason) override {
    const std::lock_guard lock(mutex_);
    rejected.push_back(reason);
  }
  void OnNotFinite() override { ++num_not_finite; }
  void OnModelError(std::string_view what) override { errors.emplace_back(what); }
  void OnDeviceLost(std::string_view what) override { losses.emplace_back(what); }

  std::vector<StepStats> steps;
  std::vector<absl::Duration> cancelled;
  std::vector<RejectReason> rejected;
  std::vector<std::string> errors, losses;
  std::atomic<int> num_not_finite = 0;

 private:
  std::mutex mutex_;  // Guards rejected.
};

}  // namespace chorus::runner
