#pragma once

// The protocol of text-embeddings-inference (TEI) over the one service: POST /predict and /embed,
// GET /info, for the only model that may be meant; and below /tei/{model} for any. Errors have
// TEI's shape.
//
// Thread safety: as HttpHandler.
// Source: TEI's API, https://huggingface.github.io/text-embeddings-inference.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "api_server/front/http_handler.h"
#include "api_server/front/inference_handler.h"
#include "api_server/graph/executor.h"

namespace chorus::gateway {

class TeiHandler final : public HttpHandler {
 public:
  // Both must outlive the handler and the calls it has begun.
  TeiHandler(InferenceHandler& service, const Executor& executor)
      : service_(service), executor_(executor) {}

  HttpRoute Match(const HttpRequest& head) const override;
  HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const override;

 private:
  // The runner that is meant where none is named: the one that graphs score with, if it is one, or
  // else the only one whose model does `task`. NOT_FOUND, or INVALID_ARGUMENT with what there is.
  absl::StatusOr<std::string> OnlyRunner(ModelTask task, std::string_view route) const;

  // As HttpRoute::handle; an empty `model` means the only one.
  absl::Status Predict(std::string model, const HttpRequest& request, Call call,
                       HttpRoute::Done done) const;
  absl::Status Embed(std::string model, const HttpRequest& request, Call call,
                     HttpRoute::Done done) const;
  absl::Status Info(std::string model, const HttpRequest& request, Call call,
                    HttpRoute::Done done) const;

  InferenceHandler& service_;
  const Executor& executor_;
};

}  // namespace chorus::gateway
