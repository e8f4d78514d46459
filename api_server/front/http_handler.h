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
    // Set when the request line and header alone are enough to refuse the request.
    std::optional<HttpReply> refusal;
  };

  virtual ~HttpHandler() = default;

  // Looks at the header; the body has not been read yet.
  virtual Match MatchHead(const HttpRequest& head) const = 0;

  // Either returns the reply, and destroys `done` uncalled; or calls `done` exactly once, later,
  // from any thread. Stopping `call.stop` makes that soon. The reply to HEAD has GET's body, which
  // is not sent.
  virtual std::optional<HttpReply> Handle(HttpRequest request, Call call, Done done) = 0;

  // The reply that says `error`, as this server's routes do.
  virtual HttpReply ErrorReply(const absl::Status& error) const = 0;
};

}  // namespace chorus
