#pragma once

// The gateway's request metrics, under BentoML 1.1's names and labels:
//   bentoml_api_server_request_total{endpoint,service_name,service_version,http_response_code}
//   bentoml_api_server_request_duration_seconds{the same}
//   bentoml_api_server_request_in_progress{endpoint,service_name,service_version}
// and chorus_rejected_total{reason}. gRPC calls count under the HTTP path and HTTP code they would
// have had. The endpoint is a route's template or "other", never what a client wrote, so that the
// number of series is bounded.
//
// Thread safety: all methods may be called from any thread.

#include <memory>
#include <string>
#include <string_view>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace chorus {

inline constexpr std::string_view kOtherEndpoint = "other";

// Why a call was refused; the label `reason`.
enum class Rejection { kAdmission, kConnections, kDeadline, kDraining };

class RequestMetrics {
 public:
  // A request in progress. Ends once, by Finish() or else with code 499, the client having left.
  class Request {
   public:
    Request(RequestMetrics& metrics, std::string_view endpoint);
    ~Request();
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    void Finish(int http_code);

    absl::Duration elapsed() const;
    const std::string& endpoint() const { return endpoint_; }

   private:
    RequestMetrics& metrics_;
    const std::string endpoint_;
    const absl::Time start_ = absl::Now();
    prometheus::Gauge& in_progress_;
    bool finished_ = false;
  };

  // `registry` must outlive this. `service_name` and `service_version` become the labels. The
  // histogram's bounds reach `max_timeout`, the longest that a call may take.
  RequestMetrics(prometheus::Registry& registry, std::string service_name,
                 std::string service_version, absl::Duration max_timeout = absl::Seconds(300));

  // `endpoint` is a route's template or kOtherEndpoint. The Request must not outlive this.
  std::unique_ptr<Request> Start(std::string_view endpoint);

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

}  // namespace chorus
