#include "api_server/front/http_handler.h"

#include <string>
#include <utility>

#include "api_server/transcoding/http_status.h"

namespace chorus::gateway {

HttpRoute FindRoute(HttpHandlers handlers, const HttpRequest& head) {
  HttpRoute route;
  for (const std::unique_ptr<HttpHandler>& handler : handlers) {
    route = handler->Match(head);
    route.handler = handler.get();
    if (!absl::IsNotFound(route.refusal)) break;
  }
  const bool only_lacks_options = head.target == "*" || HttpStatus(route.refusal) == 405;
  if (head.method == "OPTIONS" && only_lacks_options) {
    std::string allowed = AllowHeader(route.refusal);
    if (!allowed.empty()) allowed += ", OPTIONS";
    route.refusal = absl::OkStatus();
    route.handle = [allowed = std::move(allowed)](HttpRequest, const Call&, HttpRoute::Done done) {
      HttpReply reply = {.status = 204};
      if (!allowed.empty()) reply.fields.push_back({"Allow", allowed});
      std::move(done)(std::move(reply));
      return absl::OkStatus();
    };
  }
  return route;
}

}  // namespace chorus::gateway
