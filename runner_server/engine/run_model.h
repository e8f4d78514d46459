#pragma once

// The one place where what a model throws becomes a status.
//
// Thread safety: a free function without state.

#include <exception>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "runner_server/engine/engine_observer.h"

namespace chorus {

// Runs `forward`. RESOURCE_EXHAUSTED if memory ran out, INTERNAL for anything else it throws; the
// observer hears the details, which are not the client's business.
template <typename Forward>
absl::Status RunModel(EngineObserver& observer, Forward&& forward) {
  try {
    std::forward<Forward>(forward)();
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    observer.OnModelError("out of memory");
    return absl::ResourceExhaustedError("the runner has no memory for this batch; retry later");
  } catch (const std::exception& error) {
    observer.OnModelError(error.what());
    return absl::InternalError("the model failed on this batch");
  }
}

}  // namespace chorus
