#include "api_server/front/grpc_front.h"

#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "api_server/front/call_fields.h"
#include "api_server/front/rpc_status.h"
#include "api_server/transcoding/http_status.h"
#include "base/grpc_status.h"
#include "glog/logging.h"
#include "google/api/annotations.pb.h"
#include "proto/chorus/v1/inference.grpc.pb.h"

namespace chorus {
namespace {

constexpr char kRequestIdKey[] = "x-request-id";

grpc::Status WithDetails(const absl::Status& status) {
  const grpc::Status plain = ToGrpcStatus(status);
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  if (rpc_status.details().empty()) return plain;
  return {plain.error_code(), plain.error_message(), rpc_status.SerializeAsString()};
}

// The path that the method has over HTTP; all of ours are POST or GET.
template <typename Request>
std::string EndpointOf(const char* method_name) {
  const auto* service = Request::descriptor()->file()->FindServiceByName("InferenceService");
  const auto* method = service->FindMethodByName(method_name);
  const google::api::HttpRule& rule = method->options().GetExtension(google::api::http);
  return rule.has_get() ? rule.get() : rule.post();
}

std::string OfferedRequestId(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(kRequestIdKey);
  return found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
}

// One unary call. Deletes itself when gRPC has done with it.
template <typename Request, typename Response>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Method = absl::Status (InferenceHandler::*)(Request, Call,
                                                    InferenceHandler::Done<Response>);

  UnaryCall(std::unique_ptr<RequestMetrics::Request> metrics, Response* response)
      : metrics_(std::move(metrics)), response_(response) {}

  void Begin(InferenceHandler& handler, Method method, const Request& request,
             grpc::CallbackServerContext& context, absl::Duration max_timeout) {
    Call call = {
        .deadline = std::min(absl::FromChrono(context.deadline()), absl::Now() + max_timeout),
        .stop = stop_.get_token(),
        .request_id = TakeRequestId(OfferedRequestId(context))};
    request_id_ = call.request_id;
    context.AddInitialMetadata(kRequestIdKey, request_id_);
    const absl::Status status =
        (handler.*method)(request, std::move(call), [this](absl::StatusOr<Response> response) {
          if (response.ok()) *response_ = *std::move(response);
          End(response.status());
        });
    if (!status.ok()) End(status);
  }

 private:
  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

  // Called once; the reactor may be gone when it returns.
  void End(const absl::Status& status) {
    metrics_->Finish(HttpStatus(status));
    VLOG(1) << "request=" << request_id_ << " protocol=grpc endpoint=" << metrics_->endpoint()
            << " status=" << absl::StatusCodeToString(status.code())
            << " duration=" << metrics_->elapsed();
    Finish(status.ok() ? grpc::Status::OK : WithDetails(ToPublicStatus(status, request_id_)));
  }

  const std::unique_ptr<RequestMetrics::Request> metrics_;
  Response* const response_;
  std::stop_source stop_;
  std::string request_id_;
};

class Service final : public v1::InferenceService::CallbackService {
 public:
  Service(InferenceHandler& handler, RequestMetrics& metrics, absl::Duration max_timeout)
      : handler_(handler), metrics_(metrics), max_timeout_(max_timeout) {}

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Begin(const std::string& endpoint,
                                  typename UnaryCall<Request, Response>::Method method,
                                  grpc::CallbackServerContext* context, const Request* request,
                                  Response* response) {
    auto* call = new UnaryCall<Request, Response>(metrics_.Start(endpoint), response);
    call->Begin(handler_, method, *request, *context, max_timeout_);
    return call;
  }

  grpc::ServerUnaryReactor* ClassifyGeneratedTexts(
      grpc::CallbackServerContext* context, const v1::ClassifyGeneratedTextsRequest* request,
      v1::ClassifyGeneratedTextsResponse* response) override {
    return Begin(classify_generated_texts_, &InferenceHandler::ClassifyGeneratedTexts, context,
                 request, response);
  }
  grpc::ServerUnaryReactor* RunGraph(grpc::CallbackServerContext* context,
                                     const v1::RunGraphRequest* request,
                                     v1::RunGraphResponse* response) override {
    return Begin(run_graph_, &InferenceHandler::RunGraph, context, request, response);
  }
  grpc::ServerUnaryReactor* Generate(grpc::CallbackServerContext* context,
                                     const v1::GenerateRequest* request,
                                     v1::GenerateResponse* response) override {
    return Begin(generate_, &InferenceHandler::Generate, context, request, response);
  }
  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context,
                                     const v1::ClassifyRequest* request,
                                     v1::ClassifyResponse* response) override {
    return Begin(classify_, &InferenceHandler::Classify, context, request, response);
  }
  grpc::ServerUnaryReactor* ListGraphs(grpc::CallbackServerContext* context,
                                       const v1::ListGraphsRequest* request,
                                       v1::ListGraphsResponse* response) override {
    return Begin(list_graphs_, &InferenceHandler::ListGraphs, context, request, response);
  }
  grpc::ServerUnaryReactor* GetGraph(grpc::CallbackServerContext* context,
                                     const v1::GetGraphRequest* request,
                                     v1::Graph* response) override {
    return Begin(get_graph_, &InferenceHandler::GetGraph, context, request, response);
  }

  InferenceHandler& handler_;
  RequestMetrics& metrics_;
  const absl::Duration max_timeout_;
  const std::string classify_generated_texts_ =
      EndpointOf<v1::ClassifyGeneratedTextsRequest>("ClassifyGeneratedTexts");
  const std::string run_graph_ = EndpointOf<v1::RunGraphRequest>("RunGraph");
  const std::string generate_ = EndpointOf<v1::GenerateRequest>("Generate");
  const std::string classify_ = EndpointOf<v1::ClassifyRequest>("Classify");
  const std::string list_graphs_ = EndpointOf<v1::ListGraphsRequest>("ListGraphs");
  const std::string get_graph_ = EndpointOf<v1::GetGraphRequest>("GetGraph");
};

}  // namespace

GrpcFront::GrpcFront(InferenceHandler& handler, RequestMetrics& metrics, absl::Duration max_timeout)
    : service_(std::make_unique<Service>(handler, metrics, max_timeout)) {}

GrpcFront::~GrpcFront() = default;

grpc::Service& GrpcFront::service() { return *service_; }

}  // namespace chorus
