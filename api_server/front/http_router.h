#pragma once

// Answers HTTP requests: finds the route, turns path, query and body into the RPC request that the
// google.api.http annotations say, calls the method, and renders its reply or error as JSON. Beside
// the transcoded methods it serves /livez, /readyz, /healthz and /metrics itself.
//
// Thread safety: all methods may be called from any thread; none blocks.

#include <atomic>
#include <functional>
#include <optional>

#include "api_server/front/http_handler.h"
#include "api_server/front/method_registry.h"
#include "api_server/transcoding/transcoder.h"
#include "prometheus/registry.h"

namespace chorus {

class HttpRouter final : public HttpHandler {
 public:
  // True when every runner has a healthy replica. Called for each /readyz, from any thread.
  using Ready = std::function<bool()>;

  // All must outlive the router. Every method the transcoder has a route of must be in `methods`.
  HttpRouter(const Transcoder& transcoder, const MethodRegistry& methods,
             prometheus::Registry& metrics, Ready ready);

  Match MatchHead(const HttpRequest& head) const override;
  std::optional<HttpReply> Handle(HttpRequest request, Call call, Done done) override;
  HttpReply ErrorReply(const absl::Status& error) const override;

  // From now on /readyz answers 503.
  void SetDraining() { draining_ = true; }

 private:
  const Transcoder& transcoder_;
  const MethodRegistry& methods_;
  prometheus::Registry& metrics_;
  const Ready ready_;
  std::atomic<bool> draining_ = false;
};

}  // namespace chorus
