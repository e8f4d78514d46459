#pragma once

// What answers the requests that HttpServer receives.
//
// Thread safety: implementations are called from all I/O threads at once and must not block them.

#include <optional>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "api_server/front/call.h"
#include "api_server/front/http_message.h"

namespace chorus {

class HttpHandler {
 public:
  using Done = absl::AnyInvocable<void(HttpReply) &&>;

  struct Match {
    // The route's template, or "other"; a label of the metrics. Lives as long as the handler.
    std::string_view endpoint;
    // Not OK when the request line and header alone are enough to refuse the request.
    absl::Status refusal;
    // Whether the request is a call; probes, metrics and pages are none, and not in the access log.
    bool is_call = true;
  };

  virtual ~HttpHandler() = default;

  // Looks at the header; the body has not been read yet.
  virtual Match MatchHead(const HttpRequest& head) const = 0;

  // Either returns the reply, and destroys `done` uncalled; or calls `done` exactly once, from any
  // thread, perhaps before it returns. Stopping `call.stop` makes that soon; it also ends a reply's
  // stream. The reply to HEAD has GET's body, which is not sent.
  virtual std::optional<HttpReply> Handle(HttpRequest request, Call call, Done done) = 0;

  // The reply that says `error`, whose code HttpStatus() gives. What clients should not see of it
  // is logged under `request_id`.
  virtual HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const = 0;
};

}  // namespace chorus
