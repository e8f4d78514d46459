#pragma once

// OpenAI's protocol over the one service: POST /v1/completions and /v1/embeddings, GET /v1/models
// and /v1/models/{id}. Runners and graphs are its models. Errors have OpenAI's shape.
//
// Thread safety: as HttpHandler.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "api_server/front/http_handler.h"
#include "api_server/front/inference_handler.h"
#include "api_server/graph/executor.h"
#include "api_server/protocols/openai/completion_reply.h"

namespace chorus::gateway {

class OpenAiHandler final : public HttpHandler {
 public:
  // Both must outlive the handler and the calls it has begun.
  OpenAiHandler(InferenceHandler& service, const Executor& executor)
      : service_(service), executor_(executor) {}

  HttpRoute Match(const HttpRequest& head) const override;
  HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const override;

 private:
  // As HttpRoute::handle.
  absl::Status Complete(const HttpRequest& request, Call call, HttpRoute::Done done) const;
  absl::Status Stream(const CompletionReply& reply, Call call, HttpRoute::Done done) const;
  absl::Status Embed(const HttpRequest& request, Call call, HttpRoute::Done done) const;

  HttpReply ModelsReply() const;
  absl::StatusOr<HttpReply> ModelReply(const std::string& model) const;

  InferenceHandler& service_;
  const Executor& executor_;
  const int64_t created_ = absl::ToUnixSeconds(absl::Now());
};

}  // namespace chorus::gateway
