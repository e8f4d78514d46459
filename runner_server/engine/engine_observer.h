#pragma once

// Receives an engine's events, for metrics and logs.

#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runner_server/model/device.h"
#include "runner_server/scheduler/step_stats.h"

namespace chorus::runner {

// Why a request was turned away before it ran.
enum class RejectReason {
  kQueue,     // Too many sequences wait.
  kTokens,    // Too many tokens wait.
  kDraining,  // The engine is shutting down.
  kDeadline,  // Its deadline passed, or surely would, before its turn.
};

// Thread safety: OnStep and OnCancelled are called by the engine thread, the others by any thread,
// several at once. Must not block.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;

  virtual void OnStep(const StepStats& stats) = 0;

  // The KV slot of a cancelled generation was freed `until_freed` after the cancellation.
  virtual void OnCancelled(absl::Duration until_freed) = 0;

  virtual void OnRejected(RejectReason reason) = 0;

  // A generation or call failed because a logit was not finite.
  virtual void OnNotFinite() = 0;

  // The model threw in a forward pass; the requests of that batch failed. `what` contains no texts.
  virtual void OnModelError(std::string_view what) = 0;

  // As OnModelError, of an error after which the process is of no use and had better end.
  virtual void OnDeviceLost(std::string_view what) = 0;
};

// Runs `forward`. RESOURCE_EXHAUSTED if memory ran out, UNAVAILABLE if the device is lost, INTERNAL
// for anything else it throws; the observer hears the details, which are not the client's business.
template <typename Forward>
absl::Status RunModel(EngineObserver& observer, Forward&& forward) {
  try {
    std::forward<Forward>(forward)();
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    observer.OnModelError("out of memory");
    return absl::ResourceExhaustedError("the runner has no memory for this batch; retry later");
  } catch (const DeviceLost& error) {
    observer.OnDeviceLost(error.what());
    return absl::UnavailableError("the runner has lost its device; retry at another one");
  } catch (const std::exception& error) {
    observer.OnModelError(error.what());
    return absl::InternalError("the model failed on this batch");
  }
}

}  // namespace chorus::runner
