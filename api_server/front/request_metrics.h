#pragma once

// The gateway's request metrics, under BentoML 1.1's names and labels:
//   bentoml_api_server_request_total{endpoint,service_name,service_version,http_response_code}
//   bentoml_api_server_request_duration_seconds{the same}
//   bentoml_api_server_request_in_progress{endpoint,service_name,service_version}
// and chorus_rejected_total{reason}. gRPC calls count under the equivalent HTTP path and code. The
// endpoint is a route's template or "other", so that the number of series is bounded.
//
// Thread safety: all methods may be called from any thread.

#include <string>

#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace chorus::gateway {

// Why a call was refused; the label `reason`.
enum class Rejection { kAdmission, kConnections, kDeadline, kDraining };

class RequestMetrics {
 public:
  // `registry` must outlive this. `service_name` and `service_version` become labels. The
  // histogram's bounds reach `max_timeout`.
  RequestMetrics(prometheus::Registry& registry, std::string service_name,
                 std::string service_version, absl::Duration max_timeout = absl::Seconds(300));

  // A request has begun; it has ended with `http_code`.
  void Begin(const std::string& endpoint);
  void End(const std::string& endpoint, int http_code, absl::Duration duration);

  void CountRejected(Rejection reason);

 private:
  prometheus::Labels LabelsOf(const std::string& endpoint) const;

  const std::string service_name_;
  const std::string service_version_;
  const prometheus::Histogram::BucketBoundaries duration_buckets_;
  prometheus::Family<prometheus::Counter>& total_;
  prometheus::Family<prometheus::Histogram>& duration_;
  prometheus::Family<prometheus::Gauge>& in_progress_;
  prometheus::Family<prometheus::Counter>& rejected_;
};

}  // namespace chorus::gateway
