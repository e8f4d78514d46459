#pragma once

// Metrics of the runners' replicas, read from the runner clients at each scrape, added to those of
// a registry. A removed replica leaves no series.
//   chorus_replica_state{runner,endpoint}      gauge: 1 takes calls, 0 does not
//   chorus_ejections_total{runner,endpoint}    counter: ejections for failing calls
//   chorus_retries_total{runner}               counter: calls retried at another replica
//
// Thread safety: as prometheus::Collectable.

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "api_server/graph/executor.h"

namespace chorus::gateway {

class ReplicaMetrics final : public prometheus::Collectable {
 public:
  // Both must outlive this.
  ReplicaMetrics(const prometheus::Collectable& registry, const Executor::Runners& runners)
      : registry_(registry), runners_(runners) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const prometheus::Collectable& registry_;
  const Executor::Runners& runners_;
};

}  // namespace chorus::gateway
