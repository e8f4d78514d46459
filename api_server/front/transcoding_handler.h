#pragma once

// Serves RPCs over HTTP/JSON by their google.api.http annotations: makes the request message from
// path, query and body, calls the method, and renders the reply as JSON, a stream as server-sent
// events or JSON lines, and errors as in AIP-193.
//
// Thread safety: as HttpHandler.

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "api_server/front/http_handler.h"
#include "api_server/front/method_registry.h"
#include "api_server/transcoding/transcoder.h"
#include "base/worker_pool.h"

namespace chorus::gateway {

class TranscodingHandler final : public HttpHandler {
 public:
  // Both must outlive the handler and the calls it has begun. Large bodies are parsed on `workers`,
  // or inline if null. INTERNAL if an annotated method of a service in `methods` is missing there.
  static absl::StatusOr<std::unique_ptr<TranscodingHandler>> Create(const MethodRegistry& methods,
                                                                    WorkerPool* workers = nullptr);

  HttpRoute Match(const HttpRequest& head) const override;
  HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const override;

 private:
  TranscodingHandler(const MethodRegistry& methods, std::unique_ptr<Transcoder> transcoder,
                     WorkerPool* workers)
      : methods_(methods), transcoder_(std::move(transcoder)), workers_(workers) {}

  // Both as HttpRoute::handle. Begin translates the request and starts its call.
  absl::Status Begin(Route route, const HttpRequest& request, Call call,
                     HttpRoute::Done done) const;
  absl::Status BeginOnWorkers(Route route, HttpRequest request, Call call,
                              HttpRoute::Done done) const;

  const MethodRegistry& methods_;
  const std::unique_ptr<Transcoder> transcoder_;
  WorkerPool* const workers_;  // May be null.
};

}  // namespace chorus::gateway
