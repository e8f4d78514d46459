#pragma once

// A door for a protocol over HTTP: the paths it answers, the calls they make, the shape of its
// errors. Handlers are asked in order; the first that has a request's path answers it.
//
// Thread safety: implementations are called from all I/O threads at once and must not block them.

#include <memory>
#include <span>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "api_server/front/call.h"
#include "api_server/front/http_message.h"

namespace chorus {

class HttpHandler;

inline constexpr std::string_view kOtherEndpoint = "other";

// What the head of a request asks for.
struct HttpRoute {
  using Done = absl::AnyInvocable<void(HttpReply) &&>;

  // The route's template, or "other"; a label of the metrics. Lives as long as the handler.
  std::string_view endpoint = kOtherEndpoint;
  // Not OK when the request line and header alone are enough to refuse the request.
  absl::Status refusal;
  // Whether the request is a call; probes, metrics and pages are none, and not in the access log.
  bool is_call = true;
  // Answers the whole request; called once, unless it is refused. Either returns OK and calls
  // `done` exactly once, from any thread, perhaps before it returns; or returns the error and
  // destroys `done` uncalled. Stopping `call.stop` makes that soon; it also ends a reply's stream.
  // The reply to HEAD has GET's body, which is not sent.
  absl::AnyInvocable<absl::Status(HttpRequest request, Call call, Done done) &&> handle;
  const HttpHandler* handler = nullptr;  // Whose it is; set by FindRoute.
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Looks at the header; the body has not been read yet. Where the path is none of its own the
  // refusal is NOT_FOUND.
  virtual HttpRoute Match(const HttpRequest& head) const = 0;

  // The reply that says `error`, whose code HttpStatus() gives. What clients should not see of it
  // is logged under `request_id`.
  virtual HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const = 0;
};

// At least one, in the order in which they are asked.
using HttpHandlers = std::span<const std::unique_ptr<HttpHandler>>;

// The route of the first handler that has the path, or the last one's refusal. OPTIONS is answered
// with the methods that the path has.
HttpRoute FindRoute(HttpHandlers handlers, const HttpRequest& head);

}  // namespace chorus
