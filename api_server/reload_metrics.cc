#include "api_server/reload_metrics.h"

namespace chorus::gateway {

ReloadMetrics::ReloadMetrics(prometheus::Registry& registry)
    : reloads_(prometheus::BuildCounter()
                   .Name("chorus_config_reloads_total")
                   .Help("Times the configuration files were taken again, or refused")
                   .Register(registry)),
      ok_(reloads_.Add({{"result", "ok"}})),
      errors_(reloads_.Add({{"result", "error"}})),
      waiting_(prometheus::BuildGauge()
                   .Name("chorus_config_waiting")
                   .Help("Whether changed configuration files wait for runners to serve")
                   .Register(registry)
                   .Add({})),
      last_successful_(prometheus::BuildGauge()
                           .Name("chorus_config_last_reload_successful")
                           .Help("Whether the configuration files were taken")
                           .Register(registry)
                           .Add({})),
      last_success_(prometheus::BuildGauge()
                        .Name("chorus_config_last_reload_success_timestamp_seconds")
                        .Help("When the configuration files were last taken")
                        .Register(registry)
                        .Add({})) {
  last_successful_.Set(1);
  last_success_.SetToCurrentTime();
}

void ReloadMetrics::CountOk() {
  last_successful_.Set(1);
  last_success_.SetToCurrentTime();
  ok_.Increment();
}

void ReloadMetrics::CountError() {
  last_successful_.Set(0);
  errors_.Increment();
}

void ReloadMetrics::SetWaiting(bool waits) { waiting_.Set(waits ? 1 : 0); }

}  // namespace chorus::gateway
