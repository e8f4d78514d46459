#include "api_server/front/transcoding_handler.h"

#include <string>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "api_server/front/event_stream.h"
#include "api_server/front/public_error.h"
#include "api_server/transcoding/content_type.h"
#include "api_server/transcoding/http_status.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

constexpr char kJson[] = "application/json";

absl::Status CheckAccept(const HttpRequest& head, const HttpBinding& binding) {
  const std::string_view accept = head.ValueOf("Accept");
  if (binding.method->server_streaming()) {
    if (ChooseFraming(accept) != nullptr) return absl::OkStatus();
    return HttpError(406,
                     "the reply is text/event-stream or application/x-ndjson, which the Accept "
                     "header excludes");
  }
  if (Accepts(accept, kJson)) return absl::OkStatus();
  return HttpError(406, "the reply is application/json, which the Accept header excludes");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TranscodingHandler>> TranscodingHandler::Create(
    const MethodRegistry& methods, WorkerPool* workers) {
  ASSIGN_OR_RETURN(std::unique_ptr<Transcoder> transcoder, Transcoder::Create(methods.services()));
  for (const HttpBinding& binding : transcoder->bindings()) {
    if (methods.Find(*binding.method) == nullptr) {
      return absl::InternalError(absl::StrCat("the route ", binding.name(), " calls ",
                                              binding.method->full_name(),
                                              ", which is not implemented"));
    }
  }
  return absl::WrapUnique(new TranscodingHandler(methods, std::move(transcoder), workers));
}

HttpRoute TranscodingHandler::Match(const HttpRequest& head) const {
  absl::StatusOr<Route> found = transcoder_->Match(head.method, head.target);
  if (!found.ok()) return {.refusal = found.status()};
  const HttpBinding& binding = *found->binding;
  HttpRoute route = {.endpoint = binding.path_template, .refusal = CheckAccept(head, binding)};
  route.handle = [this, route = *std::move(found)](HttpRequest request, Call call,
                                                   HttpRoute::Done done) mutable {
    if (workers_ != nullptr && request.body.size() > WorkerPool::kLargeBytes) {
      return BeginOnWorkers(std::move(route), std::move(request), std::move(call), std::move(done));
    }
    return Begin(std::move(route), request, std::move(call), std::move(done));
  };
  return route;
}

absl::Status TranscodingHandler::Begin(Route route, const HttpRequest& request, Call call,
                                       HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<MethodRegistry::Message> message,
      transcoder_->TranslateRequest(route, {.target = request.target,
                                            .content_type = request.ValueOf("Content-Type"),
                                            .body = request.body}));
  const MethodRegistry::Method& method = *methods_.Find(*route.binding->method);
  std::string request_id = call.request_id;
  if (method.stream) {
    auto events = std::make_shared<EventQueue>();
    RETURN_IF_ERROR(method.stream(*message, std::move(call), events));
    // Clients that take neither framing are refused with the head.
    std::move(done)(StreamReply(std::move(events), *ChooseFraming(request.ValueOf("Accept")),
                                std::move(request_id)));
    return absl::OkStatus();
  }
  return method.call(
      *message, std::move(call),
      [this, route = std::move(route), request_id = std::move(request_id), done = std::move(done)](
          const absl::StatusOr<std::unique_ptr<MethodRegistry::Message>>& result) mutable {
        if (!result.ok()) return std::move(done)(ErrorReply(result.status(), request_id));
        std::move(done)(
            {.content_type = kJson, .body = transcoder_->TranslateResponse(route, **result)});
      });
}

absl::Status TranscodingHandler::BeginOnWorkers(Route route, HttpRequest request, Call call,
                                                HttpRoute::Done done) const {
  workers_->Run([this, route = std::move(route), request = std::move(request),
                 call = std::move(call), done = std::move(done)]() mutable {
    const std::string request_id = call.request_id;
    // The call destroys its completion when it fails to begin.
    const auto shared = std::make_shared<HttpRoute::Done>(std::move(done));
    const absl::Status status =
        Begin(std::move(route), request, std::move(call),
              [shared](HttpReply reply) { std::move (*shared)(std::move(reply)); });
    if (!status.ok()) std::move (*shared)(ErrorReply(status, request_id));
  });
  return absl::OkStatus();
}

HttpReply TranscodingHandler::ErrorReply(const absl::Status& error,
                                         std::string_view request_id) const {
  return ToErrorReply(error, request_id);
}

}  // namespace chorus::gateway
