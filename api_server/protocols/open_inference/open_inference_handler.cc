#include "api_server/protocols/open_inference/open_inference_handler.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api_server/front/event_stream.h"
#include "api_server/front/public_error.h"
#include "api_server/protocols/open_inference/infer_json.h"
#include "api_server/transcoding/http_status.h"
#include "api_server/transcoding/percent_encoding.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kModels = "/v2/models/";
constexpr std::string_view kVersions = "/versions/";

HttpReply JsonReply(std::string body, int status = 200) {
  return {.status = status, .content_type = "application/json", .body = std::move(body)};
}

// A probe's: 503 where it is not so.
HttpReply ReadyReply(Json json, bool ready) {
  json["ready"] = ready;
  return JsonReply(json.dump(), ready ? 200 : 503);
}

HttpReply ErrorReplyOf(const absl::Status& error, std::string_view request_id) {
  return ToErrorReply(error, request_id, OpenInferenceErrorJson);
}

// One event of a generate_stream. `done` tells that a text has ended.
std::string WriteEvent(const std::string& model, const v1::StreamEvent& event) {
  Json json = {{"model_name", model}};
  switch (event.event_case()) {
    case v1::StreamEvent::kToken:
      // A text that only others continue is none of the reply.
      if (!event.token().has_index()) return "";
      json["index"] = event.token().index();
      json["text_output"] = event.token().text();
      json["done"] = event.token().has_finish_reason();
      break;
    case v1::StreamEvent::kScore:
      json["index"] = event.score().index();
      json["score"] = event.score().score();
      json["label"] = event.score().label();
      break;
    case v1::StreamEvent::kError:
      json = {{"error", event.error().message()}};
      break;
    default:
      return "";
  }
  return absl::StrCat("data: ", json.dump(-1, ' ', false, Json::error_handler_t::replace), "\n\n");
}

// Takes the segment up to the next slash off the front of `path`.
std::string_view TakeSegment(std::string_view& path) {
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// What a request must be.
void CheckMethod(const HttpRequest& head, bool is_get, HttpRoute& route) {
  if (is_get ? head.method == "GET" || head.method == "HEAD" : head.method == "POST") return;
  route.refusal = MethodNotAllowedError(
      absl::StrCat(AbslView(route.endpoint), " takes ", is_get ? "GET" : "POST"),
      is_get ? std::vector<std::string>{"GET", "HEAD"} : std::vector<std::string>{"POST"});
}

}  // namespace

HttpReply OpenInferenceHandler::ErrorReply(const absl::Status& error,
                                           std::string_view request_id) const {
  return ErrorReplyOf(error, request_id);
}

HttpRoute OpenInferenceHandler::MatchServer(std::string_view path) const {
  HttpRoute route = {.is_call = false};
  if (path == "/v2" || path == "/v2/") {
    route.endpoint = "/v2";
    route.handle = [this](const HttpRequest&, const Call&, HttpRoute::Done done) {
      std::move(done)(JsonReply(MetadataJson(service_.DescribeServer())));
      return absl::OkStatus();
    };
  } else if (path == "/v2/health/live") {
    route.endpoint = "/v2/health/live";
    route.handle = [](const HttpRequest&, const Call&, HttpRoute::Done done) {
      std::move(done)(JsonReply(R"({"live":true})"));
      return absl::OkStatus();
    };
  } else if (path == "/v2/health/ready") {
    route.endpoint = "/v2/health/ready";
    route.handle = [this](const HttpRequest&, const Call&, HttpRoute::Done done) {
      std::move(done)(ReadyReply(Json::object(), service_.is_ready()));
      return absl::OkStatus();
    };
  } else {
    route.refusal = absl::NotFoundError("no route of the Open Inference Protocol");
  }
  return route;
}

HttpRoute OpenInferenceHandler::Match(const HttpRequest& head) const {
  struct Entry {
    std::string_view path, endpoint;
    bool is_get, is_call;
    decltype(&OpenInferenceHandler::Infer) handle;
  };
  static constexpr Entry kRoutes[] = {
      {"", "/v2/models/{model}", true, true, &OpenInferenceHandler::Describe},
      {"/ready", "/v2/models/{model}/ready", true, false, &OpenInferenceHandler::Ready},
      {"/infer", "/v2/models/{model}/infer", false, true, &OpenInferenceHandler::Infer},
      {"/generate", "/v2/models/{model}/generate", false, true, &OpenInferenceHandler::Generate},
      {"/generate_stream", "/v2/models/{model}/generate_stream", false, true,
       &OpenInferenceHandler::GenerateStream}};
  std::string_view path = head.path();
  if (!path.starts_with(kModels)) {
    HttpRoute route = MatchServer(path);
    if (route.refusal.ok()) CheckMethod(head, /*is_get=*/true, route);
    return route;
  }
  path.remove_prefix(kModels.size());
  const std::string_view model = TakeSegment(path);
  std::string_view version;
  const bool has_version = path.starts_with(kVersions);
  if (has_version) {
    path.remove_prefix(kVersions.size());
    version = TakeSegment(path);
  }
  const auto* found = std::ranges::find(kRoutes, path, &Entry::path);
  if (found == std::end(kRoutes) || model.empty() || (has_version && version.empty())) {
    return {.refusal = absl::NotFoundError("no route of the Open Inference Protocol")};
  }
  HttpRoute route = {.endpoint = found->endpoint, .is_call = found->is_call};
  CheckMethod(head, found->is_get, route);
  route.handle = [this, handle = found->handle, model = std::string(model),
                  version = std::string(version)](const HttpRequest& request, Call call,
                                                  HttpRoute::Done done) -> absl::Status {
    Target target;
    ASSIGN_OR_RETURN(target.model, DecodePathSegment(model));
    ASSIGN_OR_RETURN(target.version, DecodePathSegment(version));
    return (this->*handle)(target, request, std::move(call), std::move(done));
  };
  return route;
}

absl::Status OpenInferenceHandler::Describe(const Target& target, const HttpRequest&, Call,
                                            HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(const inference::ModelMetadataResponse told,
                   service_.DescribeModel(target.model, target.version));
  std::move(done)(JsonReply(MetadataJson(told)));
  return absl::OkStatus();
}

absl::Status OpenInferenceHandler::Ready(const Target& target, const HttpRequest&, Call,
                                         HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(const bool ready, service_.IsReady(target.model, target.version));
  std::move(done)(ReadyReply({{"name", target.model}}, ready));
  return absl::OkStatus();
}

absl::Status OpenInferenceHandler::Infer(const Target& target, const HttpRequest& request,
                                         Call call, HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(InferBody body, ParseInferBody(request.body, request.Find(kJsonLengthField)));
  body.infer.model = target.model;
  body.infer.version = target.version;
  const std::string request_id = call.request_id;
  return service_.Infer(std::move(body.infer), std::move(call),
                        [raw = std::move(body.raw), request_id,
                         done = std::move(done)](const absl::StatusOr<InferReply>& reply) mutable {
                          std::move(done)(reply.ok() ? ToHttpReply(*reply, raw)
                                                     : ErrorReplyOf(reply.status(), request_id));
                        });
}

absl::Status OpenInferenceHandler::Generate(const Target& target, const HttpRequest& request,
                                            Call call, HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(InferRequest infer, ParseGenerateBody(request.body));
  infer.model = target.model;
  infer.version = target.version;
  const std::string request_id = call.request_id;
  return service_.Infer(
      std::move(infer), std::move(call),
      [request_id, done = std::move(done)](const absl::StatusOr<InferReply>& reply) mutable {
        std::move(done)(reply.ok() ? JsonReply(GenerateReplyJson(*reply))
                                   : ErrorReplyOf(reply.status(), request_id));
      });
}

absl::Status OpenInferenceHandler::GenerateStream(const Target& target, const HttpRequest& request,
                                                  Call call, HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(InferRequest infer, ParseGenerateBody(request.body));
  infer.model = target.model;
  infer.version = target.version;
  const auto events = std::make_shared<EventQueue>();
  std::string request_id = call.request_id;
  RETURN_IF_ERROR(service_.Stream(infer, std::move(call), events));
  const EventFraming framing = {.content_type = "text/event-stream",
                                .heartbeat = ": heartbeat\n\n",
                                .write = [model = target.model](const v1::StreamEvent& event) {
                                  return WriteEvent(model, event);
                                }};
  std::move(done)(StreamReply(events, framing, std::move(request_id)));
  return absl::OkStatus();
}

}  // namespace chorus::gateway
