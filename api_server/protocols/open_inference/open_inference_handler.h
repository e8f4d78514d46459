#pragma once

// The Open Inference Protocol, version 2, over HTTP, and its generate extension:
//
//   GET  /v2, /v2/health/live, /v2/health/ready
//   GET  /v2/models/{model}[/versions/{version}], …/ready
//   POST /v2/models/{model}[/versions/{version}]/infer, /generate, /generate_stream
//
// Errors are {"error": "…"}.
//
// Thread safety: as HttpHandler.

#include <string>
#include <string_view>

#include "api_server/front/http_handler.h"
#include "api_server/protocols/open_inference/open_inference_service.h"

namespace chorus::gateway {

class OpenInferenceHandler final : public HttpHandler {
 public:
  // `service` must outlive the handler and the calls it has begun.
  explicit OpenInferenceHandler(OpenInferenceService& service) : service_(service) {}

  HttpRoute Match(const HttpRequest& head) const override;
  HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const override;

 private:
  // A model as the path names it.
  struct Target {
    std::string model;
    std::string version;  // Empty: any.
  };

  // As HttpRoute::handle.
  absl::Status Describe(const Target& target, const HttpRequest& request, Call call,
                        HttpRoute::Done done) const;
  absl::Status Ready(const Target& target, const HttpRequest& request, Call call,
                     HttpRoute::Done done) const;
  absl::Status Infer(const Target& target, const HttpRequest& request, Call call,
                     HttpRoute::Done done) const;
  absl::Status Generate(const Target& target, const HttpRequest& request, Call call,
                        HttpRoute::Done done) const;
  absl::Status GenerateStream(const Target& target, const HttpRequest& request, Call call,
                              HttpRoute::Done done) const;

  HttpRoute MatchServer(std::string_view path) const;

  OpenInferenceService& service_;
};

}  // namespace chorus::gateway
