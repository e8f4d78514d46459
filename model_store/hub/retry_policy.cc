#include "model_store/hub/retry_policy.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace chorus::store {

std::optional<absl::Duration> RetryPolicy::OnFailure(bool made_progress,
                                                     std::optional<absl::Duration> retry_after,
                                                     double random) {
  if (made_progress) num_failures_ = 0;
  if (++num_failures_ >= options_.max_failures) return std::nullopt;
  absl::Duration delay = options_.first_delay;
  for (int i = 1; i < num_failures_ && delay < options_.max_delay; ++i) delay *= 2;
  delay = std::min(delay, options_.max_delay) * (0.5 + random / 2);
  if (retry_after) delay = std::max(delay, std::min(*retry_after, options_.max_retry_after));
  return delay;
}

bool InterruptibleWait(absl::Duration delay, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, absl::ToChronoNanoseconds(delay), [] { return false; });
  return !stop.stop_requested();
}

}  // namespace chorus::store
