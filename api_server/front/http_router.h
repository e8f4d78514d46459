#pragma once

// Answers HTTP requests: finds the route, turns path, query and body into the RPC request that the
// google.api.http annotation says, calls the method, and renders its reply, or its error in the
// form of AIP-193, as JSON. /livez, /readyz, /healthz, /metrics and the pages it answers itself.
//
// Thread safety: all methods may be called from any thread; none blocks.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "api_server/front/http_handler.h"
#include "api_server/front/method_registry.h"
#include "api_server/front/own_routes.h"
#include "api_server/transcoding/transcoder.h"
#include "base/worker_pool.h"
#include "prometheus/collectable.h"

namespace chorus {

class HttpRouter final : public HttpHandler {
 public:
  // Why the server is not ready, for people; empty when it is. Called for each /readyz, from any
  // thread.
  using WhyNotReady = std::function<std::string()>;

  // Finishes the page of the gateway's own metrics for each /metrics, with what takes a while to be
  // had; calls `done` once, from any thread.
  using FinishMetrics =
      std::function<void(std::string own, absl::AnyInvocable<void(std::string) &&> done)>;

  // All must outlive the router and the calls it has begun. `pages` are routes besides the four
  // above; they win over those of `transcoder`. Large bodies are read on `workers`; null: on the
  // threads they come on. `finish_metrics` may be null. INTERNAL when `transcoder` has a route of a
  // method that `methods` has not.
  static absl::StatusOr<std::unique_ptr<HttpRouter>> Create(
      const Transcoder& transcoder, const MethodRegistry& methods,
      const prometheus::Collectable& metrics, WhyNotReady why_not_ready, OwnRoutes pages = {},
      WorkerPool* workers = nullptr, FinishMetrics finish_metrics = {});

  Match MatchHead(const HttpRequest& head) const override;
  std::optional<HttpReply> Handle(HttpRequest request, Call call, Done done) override;
  HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const override;

  // From now on /readyz answers 503.
  void SetDraining() { draining_ = true; }

 private:
  HttpRouter(const Transcoder& transcoder, const MethodRegistry& methods,
             const prometheus::Collectable& metrics, WhyNotReady why_not_ready, OwnRoutes pages,
             WorkerPool* workers, FinishMetrics finish_metrics);

  HttpReply Readyz() const;
  static HttpReply MetricsReply(std::string page);
  std::string OwnMetrics() const;
  HttpReply AllowReply(std::string allowed) const;

  absl::StatusOr<std::unique_ptr<MethodRegistry::Message>> Translate(
      const Route& route, const HttpRequest& request) const;
  // Translates the request and begins its call, of which the reply has the stream.
  absl::StatusOr<HttpReply> BeginStream(const Route& route, const HttpRequest& request, Call call);
  // Translates the request and begins its call; `done` is called unless it returns an error.
  absl::Status BeginCall(Route route, const HttpRequest& request, Call call, Done done);
  // The same on `workers`, where `done` gets the error too.
  void BeginCallLater(Route route, HttpRequest request, Call call, Done done);
  HttpReply Render(const Route& route,
                   const absl::StatusOr<std::unique_ptr<MethodRegistry::Message>>& result,
                   std::string_view request_id) const;

  const Transcoder& transcoder_;
  const MethodRegistry& methods_;
  const prometheus::Collectable& metrics_;
  const WhyNotReady why_not_ready_;
  const FinishMetrics finish_metrics_;  // Null: the page is the gateway's own.
  OwnRoutes own_routes_;                // Not changed once made.
  WorkerPool* const workers_;           // May be null.
  std::atomic<bool> draining_ = false;
};

}  // namespace chorus
