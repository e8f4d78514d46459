#include "api_server/front/grpc_front.h"

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "api_server/front/call_fields.h"
#include "api_server/front/rpc_status.h"
#include "api_server/transcoding/http_status.h"
#include "base/grpc_request.h"
#include "base/grpc_status.h"
#include "glog/logging.h"
#include "google/api/annotations.pb.h"
#include "proto/chorus/v1/inference.grpc.pb.h"

namespace chorus {
namespace {

constexpr char kRequestIdKey[] = "x-request-id";
constexpr char kTraceparentKey[] = "traceparent";

grpc::Status WithDetails(const absl::Status& status) {
  grpc::Status plain = ToGrpcStatus(status);
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  if (rpc_status.details().empty()) return plain;
  return {plain.error_code(), plain.error_message(), rpc_status.SerializeAsString()};
}

const google::protobuf::MethodDescriptor& MethodOf(const char* name) {
  return *v1::GenerateRequest::descriptor()
              ->file()
              ->FindServiceByName("InferenceService")
              ->FindMethodByName(name);
}

// The path that the method has over HTTP; all of ours are POST or GET.
std::string EndpointOf(const char* method_name) {
  const google::api::HttpRule& rule =
      MethodOf(method_name).options().GetExtension(google::api::http);
  return rule.has_get() ? rule.get() : rule.post();
}

absl::Status StatusOf(const RequestFault& fault) {
  return fault.field.empty() ? fault.ToStatus() : FieldError(fault.field, fault.problem);
}

std::string Offered(const grpc::CallbackServerContext& context, const char* key) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
}

// What a call has beside its request: who makes it, how long it waits, and how it ended.
class CallState {
 public:
  // `access_log` may be null.
  CallState(std::unique_ptr<RequestMetrics::Request> metrics, AccessLog* access_log)
      : metrics_(std::move(metrics)), access_log_(access_log) {}

  Call Begin(grpc::CallbackServerContext& context, absl::Duration max_timeout) {
    context_ = &context;
    request_id_ = TakeRequestId(Offered(context, kRequestIdKey));
    traceparent_ = TakeTraceparent(Offered(context, kTraceparentKey));
    context.AddInitialMetadata(kRequestIdKey, request_id_);
    return {.deadline = std::min(absl::FromChrono(context.deadline()), absl::Now() + max_timeout),
            .stop = stop_.get_token(),
            .request_id = request_id_,
            .traceparent = traceparent_,
            .notes = notes_};
  }

  void Stop() { stop_.request_stop(); }

  // Called once; what the client is told.
  grpc::Status End(const absl::Status& status) {
    if (!notes_->finish_reason.empty()) {
      context_->AddTrailingMetadata("x-chorus-finish-reason", notes_->finish_reason);
    }
    if (!notes_->server_timing.empty()) {
      context_->AddTrailingMetadata("server-timing", notes_->server_timing);
    }
    metrics_->Finish(HttpStatus(status));
    if (access_log_ != nullptr) {
      access_log_->Write({.request_id = request_id_,
                          .traceparent = traceparent_,
                          .protocol = "grpc",
                          .route = metrics_->endpoint(),
                          .status = HttpStatus(status),
                          .duration = metrics_->elapsed(),
                          .usage = notes_->usage.Get()});
    }
    return status.ok() ? grpc::Status::OK : WithDetails(ToPublicStatus(status, request_id_));
  }

 private:
  const std::unique_ptr<RequestMetrics::Request> metrics_;
  AccessLog* const access_log_;
  const std::shared_ptr<ReplyNotes> notes_ = std::make_shared<ReplyNotes>();
  grpc::CallbackServerContext* context_ = nullptr;
  std::stop_source stop_;
  std::string request_id_;
  std::string traceparent_;
};

// One unary call. Deletes itself when gRPC has done with it.
template <typename Request, typename Response>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Method = absl::Status (InferenceHandler::*)(Request, Call,
                                                    InferenceHandler::Done<Response>);

  UnaryCall(std::unique_ptr<RequestMetrics::Request> metrics, AccessLog* access_log,
            Response* response)
      : state_(std::move(metrics), access_log), response_(response) {}

  void Begin(InferenceHandler& handler, Method method, const Received<Request>& request,
             grpc::CallbackServerContext& context, absl::Duration max_timeout) {
    Call call = state_.Begin(context, max_timeout);
    if (request.fault) return Finish(state_.End(StatusOf(*request.fault)));
    const absl::Status status = (handler.*method)(request.message, std::move(call),
                                                  [this](absl::StatusOr<Response> response) {
                                                    const absl::Status end = response.status();
                                                    if (end.ok()) *response_ = *std::move(response);
                                                    Finish(state_.End(end));
                                                  });
    if (!status.ok()) Finish(state_.End(status));
  }

 private:
  void OnCancel() override { state_.Stop(); }
  void OnDone() override { delete this; }

  CallState state_;
  Response* const response_;
};

// Cancels a call whose client does not take what is written within `timeout`. It looks a few times
// in that while, so that a write costs no timer of its own.
class SlowReaderWatch : public std::enable_shared_from_this<SlowReaderWatch> {
 public:
  explicit SlowReaderWatch(absl::Duration timeout) : timeout_(timeout) {}

  // `context` may be used until End.
  void Begin(grpc::CallbackServerContext& context) {
    const std::lock_guard lock(mutex_);
    context_ = &context;
    Arm();
  }
  void OnWrite() {
    const std::lock_guard lock(mutex_);
    written_at_ = absl::Now();
  }
  void OnWritten() {
    const std::lock_guard lock(mutex_);
    written_at_ = absl::InfiniteFuture();
  }
  void End() {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
    alarm_.reset();
  }

 private:
  // A new one each time, for this may be the callback of the one before. Called with the lock.
  void Arm() {
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(absl::ToChronoTime(absl::Now() + timeout_ / 4),
                [self = shared_from_this()](bool rang) {
                  if (rang) self->Look();
                });
  }

  void Look() {
    const std::lock_guard lock(mutex_);
    if (context_ == nullptr) return;
    if (written_at_ + timeout_ < absl::Now()) return context_->TryCancel();
    Arm();
  }

  const absl::Duration timeout_;
  std::recursive_mutex mutex_;  // Cancelling may end the call before it returns.
  grpc::CallbackServerContext* context_ = nullptr;  // Null: the call has ended.
  absl::Time written_at_ = absl::InfiniteFuture();  // When the write in flight began.
  std::unique_ptr<grpc::Alarm> alarm_;
};

// One call that streams. Deletes itself when gRPC has done with it.
//
// Either it waits for events_ or a write is in flight, never both; so nothing is locked. A write
// that fails stops the run, whose end then ends the call.
template <typename Request>
class StreamCall final : public grpc::ServerWriteReactor<v1::StreamEvent> {
 public:
  using Method = absl::Status (InferenceHandler::*)(Request, Call, std::shared_ptr<EventQueue>);

  StreamCall(std::unique_ptr<RequestMetrics::Request> metrics, const GrpcFront::Options& options)
      : state_(std::move(metrics), options.access_log),
        watch_(std::make_shared<SlowReaderWatch>(options.write_timeout)) {}

  void Begin(InferenceHandler& handler, Method method, const Received<Request>& request,
             grpc::CallbackServerContext& context, absl::Duration max_timeout) {
    Call call = state_.Begin(context, max_timeout);
    if (request.fault) return Finish(state_.End(StatusOf(*request.fault)));
    const absl::Status status = (handler.*method)(request.message, std::move(call), events_);
    watch_->Begin(context);
    if (!status.ok()) return Finish(state_.End(status));
    WriteOn();
  }

 private:
  // After this `this` may be gone.
  void WriteOn() {
    if (num_written_ < batch_.events.size() && !broken_) {
      watch_->OnWrite();
      return StartWrite(&batch_.events[num_written_++]);
    }
    if (batch_.end.has_value()) {
      return Finish(
          state_.End(broken_ ? absl::CancelledError("the client has left") : *batch_.end));
    }
    events_->Wait([this] {
      batch_ = events_->Take();
      num_written_ = 0;
      WriteOn();
    });
  }

  void OnWriteDone(bool ok) override {
    watch_->OnWritten();
    if (!ok) {
      broken_ = true;
      state_.Stop();
    }
    WriteOn();
  }
  void OnCancel() override { state_.Stop(); }
  void OnDone() override {
    watch_->End();
    delete this;
  }

  CallState state_;
  const std::shared_ptr<SlowReaderWatch> watch_;
  const std::shared_ptr<EventQueue> events_ = std::make_shared<EventQueue>();
  EventQueue::Batch batch_;  // Being written.
  size_t num_written_ = 0;   // Of its events.
  bool broken_ = false;      // There is nobody to write to.
};

class Service final : public v1::InferenceService::CallbackService {
 public:
  Service(InferenceHandler& handler, RequestMetrics& metrics, const GrpcFront::Options& options)
      : handler_(handler), metrics_(metrics), options_(options) {
    Add("ClassifyGeneratedTexts", &InferenceHandler::ClassifyGeneratedTexts);
    Add("RunGraph", &InferenceHandler::RunGraph);
    Add("Generate", &InferenceHandler::Generate);
    Add("Classify", &InferenceHandler::Classify);
    Add("Tokenize", &InferenceHandler::Tokenize);
    Add("Detokenize", &InferenceHandler::Detokenize);
    Add("ListGraphs", &InferenceHandler::ListGraphs);
    Add("GetGraph", &InferenceHandler::GetGraph);
    Add("StreamClassifyGeneratedTexts", &InferenceHandler::StreamClassifyGeneratedTexts);
    Add("StreamRunGraph", &InferenceHandler::StreamRunGraph);
    Add("StreamGenerate", &InferenceHandler::StreamGenerate);
  }

 private:
  template <typename Request, typename Response>
  void Add(const char* name,
           absl::Status (InferenceHandler::*method)(Request, Call,
                                                    InferenceHandler::Done<Response>)) {
    AddHandler<grpc::internal::CallbackUnaryHandler<Received<Request>, Response>>(
        name, [this, method, endpoint = EndpointOf(name)](grpc::CallbackServerContext* context,
                                                          const Received<Request>* request,
                                                          Response* response) {
          auto* call = new UnaryCall<Request, Response>(metrics_.Start(endpoint),
                                                        options_.access_log, response);
          call->Begin(handler_, method, *request, *context, options_.max_timeout);
          return call;
        });
  }

  template <typename Request>
  void Add(const char* name,
           absl::Status (InferenceHandler::*method)(Request, Call, std::shared_ptr<EventQueue>)) {
    AddHandler<grpc::internal::CallbackServerStreamingHandler<Received<Request>, v1::StreamEvent>>(
        name, [this, method, endpoint = EndpointOf(name)](grpc::CallbackServerContext* context,
                                                          const Received<Request>* request) {
          auto* call = new StreamCall<Request>(metrics_.Start(endpoint), options_);
          call->Begin(handler_, method, *request, *context, options_.max_timeout);
          return call;
        });
  }

  template <typename Handler, typename Function>
  void AddHandler(const char* name, Function function) {
    MarkMethodCallback(MethodOf(name).index(), new Handler(std::move(function)));
  }

  InferenceHandler& handler_;
  RequestMetrics& metrics_;
  const GrpcFront::Options options_;
};

}  // namespace

GrpcFront::GrpcFront(InferenceHandler& handler, RequestMetrics& metrics, const Options& options)
    : service_(std::make_unique<Service>(handler, metrics, options)) {}

GrpcFront::~GrpcFront() = default;

grpc::Service& GrpcFront::service() { return *service_; }

}  // namespace chorus
