#include "model_store/hub/interruptible_wait.h"

#include <condition_variable>
#include <mutex>

namespace chorus {

bool InterruptibleWait(absl::Duration delay, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, absl::ToChronoNanoseconds(delay), [] { return false; });
  return !stop.stop_requested();
}

}  // namespace chorus
