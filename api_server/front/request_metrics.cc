#include "api_server/front/request_metrics.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/duration_buckets.h"

namespace chorus::gateway {
namespace {

// BentoML's default buckets, seconds.
const prometheus::Histogram::BucketBoundaries kBentoBuckets = {
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0};

const char* NameOf(Rejection reason) {
  switch (reason) {
    case Rejection::kAdmission:
      return "admission";
    case Rejection::kConnections:
      return "connections";
    case Rejection::kDeadline:
      return "deadline";
    case Rejection::kDraining:
      return "draining";
  }
  return "other";
}

}  // namespace

RequestMetrics::RequestMetrics(prometheus::Registry& registry, std::string service_name,
                               std::string service_version, absl::Duration max_timeout)
    : service_name_(std::move(service_name)),
      service_version_(std::move(service_version)),
      duration_buckets_(DurationBuckets(kBentoBuckets, max_timeout)),
      total_(prometheus::BuildCounter()
                 .Name("bentoml_api_server_request_total")
                 .Help("Total number of HTTP requests")
                 .Register(registry)),
      duration_(prometheus::BuildHistogram()
                    .Name("bentoml_api_server_request_duration_seconds")
                    .Help("API HTTP request duration in seconds")
                    .Register(registry)),
      in_progress_(prometheus::BuildGauge()
                       .Name("bentoml_api_server_request_in_progress")
                       .Help("Total number of HTTP requests in progress now")
                       .Register(registry)),
      rejected_(prometheus::BuildCounter()
                    .Name("chorus_rejected_total")
                    .Help("Requests refused before any model ran")
                    .Register(registry)) {
  // Present from the start, so that rates over them are.
  for (Rejection reason : {Rejection::kAdmission, Rejection::kConnections, Rejection::kDeadline,
                           Rejection::kDraining}) {
    rejected_.Add({{"reason", NameOf(reason)}});
  }
}

void RequestMetrics::Begin(const std::string& endpoint) {
  in_progress_.Add(LabelsOf(endpoint)).Increment();
}

void RequestMetrics::End(const std::string& endpoint, int http_code, absl::Duration duration) {
  prometheus::Labels labels = LabelsOf(endpoint);
  in_progress_.Add(labels).Decrement();
  labels.emplace("http_response_code", absl::StrCat(http_code));
  total_.Add(labels).Increment();
  duration_.Add(labels, duration_buckets_).Observe(absl::ToDoubleSeconds(duration));
}

void RequestMetrics::CountRejected(Rejection reason) {
  rejected_.Add({{"reason", NameOf(reason)}}).Increment();
}

prometheus::Labels RequestMetrics::LabelsOf(const std::string& endpoint) const {
  return {{"endpoint", endpoint},
          {"service_name", service_name_},
          {"service_version", service_version_}};
}

}  // namespace chorus::gateway
