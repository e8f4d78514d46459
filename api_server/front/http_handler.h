#pragma once

// A protocol over HTTP: the paths it answers, the calls they make, and the format of its errors.
// Handlers are asked in order; the first that knows a request's path answers it.
//
// Thread safety: implementations are called from all I/O threads at once and must not block them.

#include <memory>
#include <span>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "api_server/front/call.h"
#include "api_server/front/http_message.h"

namespace chorus::gateway {

class HttpHandler;

inline constexpr std::string_view kOtherEndpoint = "other";

// How a request is answered, decided by its head.
struct HttpRoute {
  using Done = absl::AnyInvocable<void(HttpReply) &&>;

  // The route's template or "other"; a metrics label. Owned by the handler.
  std::string_view endpoint = kOtherEndpoint;
  // Not OK if the head alone suffices to refuse the request.
  absl::Status refusal;
  // False for probes, metrics and pages, which are not in the access log.
  bool is_call = true;
  // Answers the whole request; called once, unless it is refused. Either returns OK and calls
  // `done` exactly once, from any thread, perhaps before it returns; or returns an error and
  // destroys `done` uncalled. A stop of `call.stop` hastens `done` and ends a reply's stream. The
  // reply to HEAD has GET's body, which is not sent.
  absl::AnyInvocable<absl::Status(HttpRequest request, Call call, Done done) &&> handle;
  const HttpHandler* handler = nullptr;  // Set by FindRoute.
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Called before the body is read. The refusal is NOT_FOUND if the path is not this handler's.
  virtual HttpRoute Match(const HttpRequest& head) const = 0;

  // The reply for `error`, with HttpStatus()'s code. What clients must not see is logged under
  // `request_id`.
  virtual HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const = 0;
};

// At least one, in the order they are asked.
using HttpHandlers = std::span<const std::unique_ptr<HttpHandler>>;

// The route of the first handler that knows the path, else the last one's refusal. Answers OPTIONS
// with the path's methods.
HttpRoute FindRoute(HttpHandlers handlers, const HttpRequest& head);

}  // namespace chorus::gateway
