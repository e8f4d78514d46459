#include "api_server/replica_metrics.h"

#include <map>
#include <string>
#include <utility>

namespace chorus::gateway {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

void Add(MetricFamily& family, const std::map<std::string, std::string>& labels, double value) {
  ClientMetric metric;
  for (const auto& [name, text] : labels) metric.label.push_back({name, text});
  (family.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
  family.metric.push_back(std::move(metric));
}

}  // namespace

std::vector<MetricFamily> ReplicaMetrics::Collect() const {
  MetricFamily states = {.name = "chorus_replica_state",
                         .help = "Whether a runner's replica takes calls",
                         .type = MetricType::Gauge};
  MetricFamily awaited = {.name = "chorus_endpoints_awaited",
                          .help = "Endpoints of a changed configuration that have not served yet",
                          .type = MetricType::Gauge};
  MetricFamily ejections = {.name = "chorus_ejections_total",
                            .help = "Times a replica was left alone for failing its calls",
                            .type = MetricType::Counter};
  MetricFamily retries = {.name = "chorus_retries_total",
                          .help = "Calls that were tried again at another replica",
                          .type = MetricType::Counter};
  MetricFamily refusals = {.name = "chorus_refusals_total",
                           .help = "Calls refused here because a runner's queue was full",
                           .type = MetricType::Counter};
  std::vector<MetricFamily> families = registry_.Collect();
  Executor::Runners runners;
  {
    std::lock_guard lock(mutex_);
    runners = runners_;
  }
  for (const auto& [runner, client] : runners) {
    const RunnerStatus status = client->status();
    Add(awaited, {{"runner", runner}}, static_cast<double>(status.awaited.size()));
    Add(retries, {{"runner", runner}}, static_cast<double>(status.num_retries));
    Add(refusals, {{"runner", runner}}, static_cast<double>(status.num_refusals));
    for (const ReplicaStatus& replica : status.replicas) {
      const std::map<std::string, std::string> labels = {{"endpoint", replica.endpoint},
                                                         {"runner", runner}};
      Add(states, labels, replica.healthy ? 1 : 0);
      Add(ejections, labels, static_cast<double>(replica.num_ejections));
    }
  }
  for (MetricFamily* family : {&states, &awaited, &ejections, &retries, &refusals}) {
    families.push_back(std::move(*family));
  }
  return families;
}

}  // namespace chorus::gateway
