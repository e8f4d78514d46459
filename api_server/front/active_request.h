#pragma once

// A request from arrival to end, the same over HTTP and gRPC: id, deadline, cancellation, metrics,
// and its line in the access log.
//
// Thread safety: Stop() may be called from any thread at any time, the rest by one thread at a
// time.

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "api_server/front/access_log.h"
#include "api_server/front/call.h"
#include "api_server/front/http_message.h"
#include "api_server/front/origin_rules.h"
#include "api_server/front/request_metrics.h"
#include "api_server/identity/gate.h"

namespace chorus::gateway {

inline constexpr int kClientClosedRequest = 499;  // Never sent; for metrics and the log.

// A duration that its copies share, and that may be changed while they are read on any thread.
class SharedDuration {
 public:
  SharedDuration(absl::Duration duration)  // NOLINT: as a duration.
      : nanoseconds_(std::make_shared<std::atomic<int64_t>>(absl::ToInt64Nanoseconds(duration))) {}

  void Set(absl::Duration duration) { *nanoseconds_ = absl::ToInt64Nanoseconds(duration); }
  absl::Duration Get() const { return absl::Nanoseconds(nanoseconds_->load()); }

 private:
  std::shared_ptr<std::atomic<int64_t>> nanoseconds_;
};

// Rules for every request, over HTTP and gRPC.
struct FrontRules {
  RequestMetrics& metrics;
  AccessLog* access_log = nullptr;                   // Null: no access log.
  Gate* gate = nullptr;                              // Null: everybody may call.
  OriginRules origins = {};                          // Of HTTP.
  SharedDuration max_timeout = absl::Seconds(300);   // Bounds every call's deadline.
  absl::Duration write_timeout = absl::Seconds(30);  // For the client to read what is written.
};

class ActiveRequest {
 public:
  // Where a request comes from, and what its client claims, unchecked.
  struct Origin {
    std::string_view protocol;  // "http" or "grpc"; a literal.
    std::string_view method;    // HTTP's; else empty.
    std::string_view request_id;
    std::string_view traceparent;
    std::string_view authorization;
    absl::Time deadline = absl::InfiniteFuture();
  };

  // `endpoint` is a route's template or "other". Only calls are logged, and need a key where there
  // are keys. What `rules` refers to must
  // outlive the request.
  ActiveRequest(const FrontRules& rules, std::string_view endpoint, bool is_call,
                const Origin& origin);
  // A request without Finish() counts with code 499: its client left.
  ~ActiveRequest();

  // Passed to the handler.
  const Call& call() const { return call_; }

  // UNAUTHENTICATED or RESOURCE_EXHAUSTED if the request is not to be handled, for who makes it.
  const absl::Status& refusal() const { return refusal_; }

  void Stop() { stop_.request_stop(); }

  // Called once, when the reply is known, with its HTTP code (or gRPC's equivalent) and the size of
  // its body if known. HTTP reads that succeed are not logged.
  void Finish(int http_code, uint64_t reply_bytes = 0);

 private:
  // The caller; sets refusal_.
  Caller Identify(std::string_view authorization);

  RequestMetrics& metrics_;
  AccessLog* const access_log_;  // Null: not for this request,
  Gate* const gate_;             // likewise.
  const std::string_view protocol_;
  const std::string method_;
  const std::string endpoint_;
  const absl::Time arrival_ = absl::Now();
  bool finished_ = false;
  std::stop_source stop_;
  absl::Status refusal_;
  const Call call_;
};

// `offered` if it matches [A-Za-z0-9._-]{1,128}, else 32 random hexadecimal digits, so that an id
// is safe in headers and logs.
std::string TakeRequestId(std::string_view offered);

// `offered` if it is a W3C Trace Context traceparent, version 00, else empty. Passed on unchanged:
// the gateway makes no spans.
std::string TakeTraceparent(std::string_view offered);

// `arrival` plus X-Request-Timeout-Ms; infinite without it. INVALID_ARGUMENT unless it is an
// integer of at least 1.
absl::StatusOr<absl::Time> TakeDeadline(const HttpRequest& request, absl::Time arrival);

}  // namespace chorus::gateway
