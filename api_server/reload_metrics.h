#pragma once

// Metrics of configuration reloads:
//   chorus_config_reloads_total{result}                    counter; result is ok or error
//   chorus_config_waiting                                  gauge: 1 while a configuration waits
//   chorus_config_last_reload_successful                   gauge: 0 after an error, else 1
//   chorus_config_last_reload_success_timestamp_seconds    gauge: Unix time; initially the start
//
// A page that counts a reload tells what has become of it, since the gauges are set first, and are
// read later.
//
// Thread safety: all methods may be called from any thread.

#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace chorus::gateway {

class ReloadMetrics {
 public:
  // `registry` must outlive this.
  explicit ReloadMetrics(prometheus::Registry& registry);

  void CountOk();
  void CountError();

  // Whether a configuration waits: call it before CountError(), and after CountOk().
  void SetWaiting(bool waits);

 private:
  prometheus::Family<prometheus::Counter>& reloads_;
  prometheus::Counter& ok_;
  prometheus::Counter& errors_;
  prometheus::Gauge& waiting_;  // Before the others: a page is put together in this order.
  prometheus::Gauge& last_successful_;
  prometheus::Gauge& last_success_;
};

}  // namespace chorus::gateway
