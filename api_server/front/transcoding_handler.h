#pragma once

// Answers the HTTP requests that are RPCs in JSON: turns path, query and body into the message that
// the method's google.api.http annotation says, calls the method, and renders its reply as JSON, a
// stream's events as server-sent events or JSON lines, and errors in the form of AIP-193.
//
// Thread safety: as HttpHandler.

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "api_server/front/http_handler.h"
#include "api_server/front/method_registry.h"
#include "api_server/transcoding/transcoder.h"
#include "base/worker_pool.h"

namespace chorus {

class TranscodingHandler final : public HttpHandler {
 public:
  // Both must outlive the handler and the calls it has begun. Large bodies are read on `workers`;
  // null: on the threads they come on. INTERNAL when a service of `methods` has a route of a method
  // that they have not.
  static absl::StatusOr<std::unique_ptr<TranscodingHandler>> Create(const MethodRegistry& methods,
                                                                    WorkerPool* workers = nullptr);

  HttpRoute Match(const HttpRequest& head) const override;
  HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const override;

 private:
  TranscodingHandler(const MethodRegistry& methods, std::unique_ptr<Transcoder> transcoder,
                     WorkerPool* workers)
      : methods_(methods), transcoder_(std::move(transcoder)), workers_(workers) {}

  // Both as HttpRoute::handle. The first translates the request and begins its call.
  absl::Status Begin(Route route, const HttpRequest& request, Call call,
                     HttpRoute::Done done) const;
  absl::Status BeginOnWorkers(Route route, HttpRequest request, Call call,
                              HttpRoute::Done done) const;

  const MethodRegistry& methods_;
  const std::unique_ptr<Transcoder> transcoder_;
  WorkerPool* const workers_;  // May be null.
};

}  // namespace chorus
