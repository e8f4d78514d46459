#pragma once

// A request from its arrival to its end, the same over HTTP and gRPC: its id, deadline and
// cancellation, its metrics, and its line in the access log.
//
// Thread safety: Stop() may be called from any thread at any time; all else by one at a time.

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "api_server/front/access_log.h"
#include "api_server/front/call.h"
#include "api_server/front/http_message.h"
#include "api_server/front/request_metrics.h"

namespace chorus {

inline constexpr int kClientClosedRequest = 499;  // Never sent; for metrics and the log.

// What holds for every request, whichever way it comes in.
struct FrontRules {
  RequestMetrics& metrics;
  AccessLog* access_log = nullptr;                   // Gets each call. Null: none does.
  absl::Duration max_timeout = absl::Seconds(300);   // A call's deadline, unless it asks less.
  absl::Duration write_timeout = absl::Seconds(30);  // For what is written to be taken.
};

class ActiveRequest {
 public:
  // Where a request comes from, and what its client says of it, sound or not.
  struct Origin {
    std::string_view protocol;  // "http" or "grpc"; a literal.
    std::string_view method;    // HTTP's; else empty.
    std::string_view request_id;
    std::string_view traceparent;
    absl::Time deadline = absl::InfiniteFuture();
  };

  // `endpoint` is a route's template or "other"; what is no call is not logged. What `rules` names
  // must outlive the request.
  ActiveRequest(const FrontRules& rules, std::string_view endpoint, bool is_call,
                const Origin& origin);
  // What has not been finished counts with code 499, the client having left.
  ~ActiveRequest();

  // What its handler gets.
  const Call& call() const { return call_; }

  void Stop() { stop_.request_stop(); }

  // Called once, when the reply is known, with its HTTP code or the one that it would have, and the
  // bytes of its body where they are known. Reads over HTTP that succeed are not logged.
  void Finish(int http_code, uint64_t reply_bytes = 0);

 private:
  RequestMetrics& metrics_;
  AccessLog* const access_log_;  // Null: not for this request.
  const std::string_view protocol_;
  const std::string method_;
  const std::string endpoint_;
  const absl::Time arrival_ = absl::Now();
  bool finished_ = false;
  std::stop_source stop_;
  const Call call_;
};

// `offered` if it matches [A-Za-z0-9._-]{1,128}, else 32 random hexadecimal digits. So an id can
// stand in a header, a log line and a metric as it is.
std::string TakeRequestId(std::string_view offered);

// `offered` if it is a traceparent of W3C Trace Context, version 00, else nothing. It is passed on
// as it is: this server makes no spans of its own.
std::string TakeTraceparent(std::string_view offered);

// `arrival` plus X-Request-Timeout-Ms; infinite without one. INVALID_ARGUMENT unless the field is a
// whole number of at least 1.
absl::StatusOr<absl::Time> TakeDeadline(const HttpRequest& request, absl::Time arrival);

}  // namespace chorus
