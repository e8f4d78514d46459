#pragma once

// Metrics of the runners' replicas, read from the runner clients at each scrape, after those of a
// registry, to which they are added. A removed replica leaves no series.
//   chorus_replica_state{runner,endpoint}      gauge: 1 takes calls, 0 does not
//   chorus_endpoints_awaited{runner}           gauge: endpoints of a changed configuration that
//   have
//                                              not served yet; others take the calls
//   chorus_ejections_total{runner,endpoint}    counter: ejections for failing calls
//   chorus_retries_total{runner}               counter: calls retried at another replica
//   chorus_refusals_total{runner}              counter: calls refused here, its queues being full
//
// Thread safety: as prometheus::Collectable; SetRunners may be called from any thread.

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <mutex>
#include <utility>
#include <vector>

#include "api_server/graph/executor.h"

namespace chorus::gateway {

class ReplicaMetrics final : public prometheus::Collectable {
 public:
  // `registry` must outlive this.
  explicit ReplicaMetrics(const prometheus::Collectable& registry, Executor::Runners runners = {})
      : registry_(registry), runners_(std::move(runners)) {}

  void SetRunners(Executor::Runners runners) {
    std::lock_guard lock(mutex_);
    runners_ = std::move(runners);
  }

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const prometheus::Collectable& registry_;
  mutable std::mutex mutex_;
  Executor::Runners runners_;  // Guarded by mutex_.
};

}  // namespace chorus::gateway
