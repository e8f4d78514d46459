#include "api_server/front/http_router.h"

#include <memory>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "api_server/front/accept.h"
#include "api_server/front/event_stream.h"
#include "api_server/front/http_error.h"
#include "api_server/front/request_metrics.h"
#include "api_server/front/rpc_status.h"
#include "api_server/transcoding/error_json.h"
#include "api_server/transcoding/http_status.h"
#include "base/status_macros.h"
#include "prometheus/text_serializer.h"

namespace chorus {
namespace {

constexpr char kMetrics[] = "/metrics";
constexpr char kJson[] = "application/json";
constexpr char kPlainText[] = "text/plain; charset=utf-8";

std::string FieldOf(const HttpRequest& request, std::string_view name) {
  const std::string* value = request.Find(name);
  return value == nullptr ? "" : *value;
}

absl::Status CheckOwnMethod(const HttpRequest& head) {
  if (head.method == "GET" || head.method == "HEAD") return absl::OkStatus();
  return MethodNotAllowedError(absl::StrCat(head.target, " takes GET and HEAD"), {"GET", "HEAD"});
}

// Whether `status` only says that the path, which exists, does not take OPTIONS. It is answered
// with what the path does take.
bool IsAnswerToOptions(const HttpRequest& head, const absl::Status& status) {
  return head.method == "OPTIONS" && (head.target == "*" || HttpStatus(status) == 405);
}

absl::Status CheckAccept(const HttpRequest& head, const HttpBinding& binding) {
  const std::string accept = FieldOf(head, "Accept");
  if (binding.method->server_streaming()) {
    if (EventStream::ChooseFormat(accept).has_value()) return absl::OkStatus();
    return HttpError(406,
                     "the reply is text/event-stream or application/x-ndjson, which the Accept "
                     "header excludes");
  }
  if (Accepts(accept, kJson)) return absl::OkStatus();
  return HttpError(406, "the reply is application/json, which the Accept header excludes");
}

void AddNotes(const ReplyNotes& notes, HttpReply& reply) {
  if (!notes.finish_reason.empty()) {
    reply.fields.push_back({"X-Chorus-Finish-Reason", notes.finish_reason});
  }
  if (!notes.server_timing.empty()) {
    reply.fields.push_back({"Server-Timing", notes.server_timing});
  }
}

HttpReply PlainText(int status, std::string body) {
  return {.status = status, .content_type = kPlainText, .body = std::move(body)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpRouter>> HttpRouter::Create(
    const Transcoder& transcoder, const MethodRegistry& methods,
    const prometheus::Collectable& metrics, WhyNotReady why_not_ready, OwnRoutes pages,
    WorkerPool* workers, FinishMetrics finish_metrics) {
  for (const HttpBinding& binding : transcoder.bindings()) {
    const std::string name(binding.method->full_name());
    if (binding.method->server_streaming() ? methods.FindStream(name) == nullptr
                                           : methods.Find(name) == nullptr) {
      return absl::InternalError(absl::StrCat("the route ", binding.name(), " calls ",
                                              binding.method->full_name(),
                                              ", which is not implemented"));
    }
  }
  return absl::WrapUnique(new HttpRouter(transcoder, methods, metrics, std::move(why_not_ready),
                                         std::move(pages), workers, std::move(finish_metrics)));
}

HttpRouter::HttpRouter(const Transcoder& transcoder, const MethodRegistry& methods,
                       const prometheus::Collectable& metrics, WhyNotReady why_not_ready,
                       OwnRoutes pages, WorkerPool* workers, FinishMetrics finish_metrics)
    : transcoder_(transcoder),
      methods_(methods),
      metrics_(metrics),
      why_not_ready_(std::move(why_not_ready)),
      finish_metrics_(std::move(finish_metrics)),
      own_routes_(std::move(pages)),
      workers_(workers) {
  const auto alive = [](const HttpRequest&) { return PlainText(200, "\n"); };
  own_routes_["/livez"] = alive;
  own_routes_["/healthz"] = alive;
  own_routes_["/readyz"] = [this](const HttpRequest&) { return Readyz(); };
  own_routes_[kMetrics] = [this](const HttpRequest&) { return MetricsReply(OwnMetrics()); };
}

HttpHandler::Match HttpRouter::MatchHead(const HttpRequest& head) const {
  if (const auto own = own_routes_.find(head.path()); own != own_routes_.end()) {
    const absl::Status status = CheckOwnMethod(head);
    return {.endpoint = own->first,
            .refusal = IsAnswerToOptions(head, status) ? absl::OkStatus() : status,
            .is_call = false};
  }
  const absl::StatusOr<Route> route = transcoder_.Match(head.method, head.target);
  if (IsAnswerToOptions(head, route.status())) return {kOtherEndpoint, absl::OkStatus()};
  if (!route.ok()) return {kOtherEndpoint, route.status()};
  return {route->binding->path_template, CheckAccept(head, *route->binding)};
}

std::optional<HttpReply> HttpRouter::Handle(HttpRequest request, Call call, Done done) {
  if (const auto own = own_routes_.find(request.path()); own != own_routes_.end()) {
    const absl::Status status = CheckOwnMethod(request);
    if (!status.ok()) return AllowReply(AllowHeader(status));
    if (own->first != kMetrics || !finish_metrics_) return own->second(request);
    finish_metrics_(OwnMetrics(), [done = std::move(done)](std::string page) mutable {
      std::move(done)(MetricsReply(std::move(page)));
    });
    return std::nullopt;
  }
  absl::StatusOr<Route> route = transcoder_.Match(request.method, request.target);
  if (IsAnswerToOptions(request, route.status())) return AllowReply(AllowHeader(route.status()));
  const std::string request_id = call.request_id;
  absl::Status status = route.status();
  if (status.ok() && route->binding->method->server_streaming()) {
    absl::StatusOr<HttpReply> reply = BeginStream(*route, request, std::move(call));
    if (reply.ok()) return *std::move(reply);
    return ErrorReply(reply.status(), request_id);
  }
  if (status.ok() && workers_ != nullptr && request.body.size() > WorkerPool::kLargeBytes) {
    BeginCallLater(*std::move(route), std::move(request), std::move(call), std::move(done));
    return std::nullopt;
  }
  if (status.ok()) status = BeginCall(*std::move(route), request, std::move(call), std::move(done));
  if (!status.ok()) return ErrorReply(status, request_id);
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<MethodRegistry::Message>> HttpRouter::Translate(
    const Route& route, const HttpRequest& request) const {
  const std::string content_type = FieldOf(request, "Content-Type");
  return transcoder_.TranslateRequest(
      route, {.target = request.target, .content_type = content_type, .body = request.body});
}

absl::StatusOr<HttpReply> HttpRouter::BeginStream(const Route& route, const HttpRequest& request,
                                                  Call call) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MethodRegistry::Message> message,
                   Translate(route, request));
  // Excluded types are refused with the head.
  const EventStream::StreamFormat format =
      EventStream::ChooseFormat(FieldOf(request, "Accept"))
          .value_or(EventStream::StreamFormat::kServerSentEvents);
  auto events = std::make_shared<EventQueue>();
  std::string request_id = call.request_id;
  const MethodRegistry::Stream& stream =
      *methods_.FindStream(std::string(route.binding->method->full_name()));
  RETURN_IF_ERROR(stream(*message, std::move(call), events));
  // Proxies that gather or keep replies are asked to do neither.
  return HttpReply{
      .content_type = std::string(EventStream::ContentType(format)),
      .fields = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
      .stream = std::make_shared<EventStream>(std::move(events), format, std::move(request_id))};
}

absl::Status HttpRouter::BeginCall(Route route, const HttpRequest& request, Call call, Done done) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MethodRegistry::Message> message,
                   Translate(route, request));
  const MethodRegistry::Method& method = *methods_.Find(route.binding->method->full_name());
  std::string request_id = call.request_id;
  std::shared_ptr<ReplyNotes> notes = call.notes;
  return method(*message, std::move(call),
                [this, route = std::move(route), request_id = std::move(request_id),
                 notes = std::move(notes), done = std::move(done)](
                    absl::StatusOr<std::unique_ptr<MethodRegistry::Message>> result) mutable {
                  HttpReply reply = Render(route, result, request_id);
                  AddNotes(*notes, reply);
                  std::move(done)(std::move(reply));
                });
}

void HttpRouter::BeginCallLater(Route route, HttpRequest request, Call call, Done done) {
  workers_->Run([this, route = std::move(route), request = std::move(request),
                 call = std::move(call), done = std::move(done)]() mutable {
    const std::string request_id = call.request_id;
    // The call destroys its completion when it fails to begin.
    const auto shared = std::make_shared<Done>(std::move(done));
    const absl::Status status =
        BeginCall(std::move(route), request, std::move(call),
                  [shared](HttpReply reply) { std::move (*shared)(std::move(reply)); });
    if (!status.ok()) std::move (*shared)(ErrorReply(status, request_id));
  });
}

HttpReply HttpRouter::Render(const Route& route,
                             const absl::StatusOr<std::unique_ptr<MethodRegistry::Message>>& result,
                             std::string_view request_id) const {
  if (!result.ok()) return ErrorReply(result.status(), request_id);
  absl::StatusOr<std::string> json = transcoder_.TranslateResponse(route, **result);
  if (!json.ok()) return ErrorReply(json.status(), request_id);
  return {.content_type = kJson, .body = *std::move(json)};
}

HttpReply HttpRouter::ErrorReply(const absl::Status& error, std::string_view request_id) const {
  const absl::Status status = ToPublicStatus(error, request_id);
  HttpReply reply = {
      .status = HttpStatus(status), .content_type = kJson, .body = ErrorJson(status)};
  if (reply.status == 429 || reply.status == 503) {
    reply.fields.push_back({"Retry-After", absl::StrCat(absl::ToInt64Seconds(kRetryDelay))});
  }
  if (reply.status == 405) reply.fields.push_back({"Allow", AllowHeader(status)});
  return reply;
}

HttpReply HttpRouter::AllowReply(std::string allowed) const {
  HttpReply reply = {.status = 204};
  if (!allowed.empty()) reply.fields.push_back({"Allow", std::move(allowed) + ", OPTIONS"});
  return reply;
}

HttpReply HttpRouter::Readyz() const {
  if (draining_) return PlainText(503, "The server is draining.");
  if (std::string why = why_not_ready_(); !why.empty()) return PlainText(503, std::move(why));
  return PlainText(200, "\n");
}

HttpReply HttpRouter::MetricsReply(std::string page) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(page)};
}

std::string HttpRouter::OwnMetrics() const {
  return prometheus::TextSerializer().Serialize(metrics_.Collect());
}

}  // namespace chorus
