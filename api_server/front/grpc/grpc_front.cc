#include "api_server/front/grpc/grpc_front.h"

#include <grpcpp/alarm.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server/front/active_request.h"
#include "api_server/front/public_error.h"
#include "api_server/transcoding/http_status.h"
#include "base/grpc/request.h"
#include "base/grpc/status.h"
#include "base/status_macros.h"
#include "glog/logging.h"
#include "google/api/annotations.pb.h"

namespace chorus::gateway {
namespace {

using Message = MethodRegistry::Message;

constexpr char kRequestIdKey[] = "x-request-id";
constexpr char kTraceparentKey[] = "traceparent";
constexpr char kAuthorizationKey[] = "authorization";

std::string PathOf(const google::protobuf::MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

// The path that the method has over HTTP, or else over gRPC; a label of the metrics.
std::string EndpointOf(const google::protobuf::MethodDescriptor& method) {
  const google::api::HttpRule& rule = method.options().GetExtension(google::api::http);
  if (rule.has_get()) return rule.get();
  if (rule.has_post()) return rule.post();
  return PathOf(method);
}

// A message of the type of `prototype`; or an error that says what is wrong with the bytes.
absl::StatusOr<std::unique_ptr<Message>> Parse(const Message& prototype, grpc::ByteBuffer bytes) {
  std::unique_ptr<Message> message(prototype.New());
  const std::optional<RequestFault> fault = ParseRequest(bytes, *message);
  if (!fault.has_value()) return message;
  return fault->ToStatus();
}

absl::Status Serialize(const Message& message, grpc::ByteBuffer& bytes) {
  bytes.Clear();  // gRPC writes into an empty one only.
  bool own = false;
  return FromGrpcStatus(grpc::SerializationTraits<Message>::Serialize(message, &bytes, &own));
}

std::string_view Offered(const grpc::CallbackServerContext& context, const char* key) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(key);
  if (found == metadata.end()) return {};
  return {found->second.data(), found->second.size()};
}

// What a call has beside its request: who makes it, how long it waits, and how it ended.
class CallState {
 public:
  // All are used until End.
  CallState(const FrontRules& rules, const std::string& endpoint,
            grpc::CallbackServerContext& context)
      : context_(context),
        active_(rules, endpoint, /*is_call=*/true,
                {.protocol = "grpc",
                 .request_id = Offered(context, kRequestIdKey),
                 .traceparent = Offered(context, kTraceparentKey),
                 .authorization = Offered(context, kAuthorizationKey),
                 .deadline = absl::FromChrono(context.deadline())}) {
    context.AddInitialMetadata(kRequestIdKey, call().request_id);
  }

  const Call& call() const { return active_.call(); }
  const absl::Status& refusal() const { return active_.refusal(); }
  void Stop() { active_.Stop(); }

  // Called once; what the client is told.
  grpc::Status End(const absl::Status& status) {
    call().notes->ForEachField([this](absl::string_view name, const std::string& value) {
      context_.AddTrailingMetadata(absl::AsciiStrToLower(name), value);
    });
    active_.Finish(HttpStatus(status));
    return status.ok() ? grpc::Status::OK : ToGrpcStatus(ToPublicStatus(status, call().request_id));
  }

 private:
  grpc::CallbackServerContext& context_;
  ActiveRequest active_;
};

// One unary call. Deletes itself when gRPC has done with it.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(const FrontRules& rules, const std::string& endpoint,
            grpc::CallbackServerContext& context, grpc::ByteBuffer& response)
      : state_(rules, endpoint, context), response_(response) {}

  void Begin(const MethodRegistry::Method& method, const grpc::ByteBuffer& request) {
    const absl::Status status = BeginMethod(method, request);
    if (!status.ok()) Finish(state_.End(status));
  }

 private:
  absl::Status BeginMethod(const MethodRegistry::Method& method, const grpc::ByteBuffer& bytes) {
    RETURN_IF_ERROR(state_.refusal());
    ASSIGN_OR_RETURN(const std::unique_ptr<Message> request, Parse(*method.request, bytes));
    return method.call(
        *request, state_.call(), [this](const absl::StatusOr<std::unique_ptr<Message>>& response) {
          Finish(state_.End(response.ok() ? Serialize(**response, response_) : response.status()));
        });
  }

  void OnCancel() override { state_.Stop(); }
  void OnDone() override { delete this; }

  CallState state_;
  grpc::ByteBuffer& response_;
};

// Cancels a call whose client does not take what is written within `timeout`. It looks a few times
// in that while, so that a write costs no timer of its own.
class SlowReaderWatch : public std::enable_shared_from_this<SlowReaderWatch> {
 public:
  // `context` may be used until End.
  SlowReaderWatch(grpc::CallbackServerContext& context, absl::Duration timeout)
      : timeout_(timeout), context_(&context) {}

  void Begin() {
    const std::lock_guard lock(mutex_);
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
  std::recursive_mutex mutex_;            // Cancelling may end the call before it returns.
  grpc::CallbackServerContext* context_;  // Null: the call has ended.
  absl::Time written_at_ = absl::InfiniteFuture();  // When the write in flight began.
  std::unique_ptr<grpc::Alarm> alarm_;
};

// One call that streams. Deletes itself when gRPC has done with it.
//
// Either it waits for events_ or a write is in flight, never both; so nothing is locked. A write
// that fails stops the run, whose end then ends the call.
class StreamCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  StreamCall(const FrontRules& rules, const std::string& endpoint,
             grpc::CallbackServerContext& context)
      : state_(rules, endpoint, context),
        watch_(std::make_shared<SlowReaderWatch>(context, rules.write_timeout)) {}

  void Begin(const MethodRegistry::Method& method, const grpc::ByteBuffer& request) {
    const absl::Status status = BeginMethod(method, request);
    if (!status.ok()) return Finish(state_.End(status));
    watch_->Begin();
    WriteOn();
  }

 private:
  absl::Status BeginMethod(const MethodRegistry::Method& method, const grpc::ByteBuffer& bytes) {
    RETURN_IF_ERROR(state_.refusal());
    ASSIGN_OR_RETURN(const std::unique_ptr<Message> request, Parse(*method.request, bytes));
    return method.stream(*request, state_.call(), events_);
  }

  // After this `this` may be gone.
  void WriteOn() {
    if (num_written_ < batch_.events.size() && !broken_) {
      const absl::Status status = Serialize(batch_.events[num_written_++], message_);
      CHECK(status.ok()) << status;
      watch_->OnWrite();
      return StartWrite(&message_);
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
  EventQueue::Batch batch_;   // Being written.
  size_t num_written_ = 0;    // Of its events.
  grpc::ByteBuffer message_;  // The latest of them.
  bool broken_ = false;       // There is nobody to write to.
};

// The methods of one service that the registry has.
class Service final : public grpc::Service {
 public:
  Service(const google::protobuf::ServiceDescriptor& descriptor, const MethodRegistry& methods,
          const FrontRules& rules)
      : rules_(rules) {
    for (int i = 0; i < descriptor.method_count(); ++i) {
      if (const auto* method = methods.Find(*descriptor.method(i))) Add(*method);
    }
  }

 private:
  void Add(const MethodRegistry::Method& method) {
    using grpc::ByteBuffer;
    using grpc::CallbackServerContext;
    using grpc::internal::RpcMethod;
    const std::string endpoint = EndpointOf(*method.descriptor);
    if (method.stream) {
      AddHandler(method, RpcMethod::SERVER_STREAMING,
                 new grpc::internal::CallbackServerStreamingHandler<ByteBuffer, ByteBuffer>(
                     [=, this, &method](CallbackServerContext* context, const ByteBuffer* request) {
                       auto* call = new StreamCall(rules_, endpoint, *context);
                       call->Begin(method, *request);
                       return call;
                     }));
    } else {
      AddHandler(method, RpcMethod::NORMAL_RPC,
                 new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
                     [=, this, &method](CallbackServerContext* context, const ByteBuffer* request,
                                        ByteBuffer* response) {
                       auto* call = new UnaryCall(rules_, endpoint, *context, *response);
                       call->Begin(method, *request);
                       return call;
                     }));
    }
  }

  void AddHandler(const MethodRegistry::Method& method, grpc::internal::RpcMethod::RpcType type,
                  grpc::internal::MethodHandler* handler) {
    const std::string& path = paths_.emplace_back(PathOf(*method.descriptor));
    AddMethod(new grpc::internal::RpcServiceMethod(path.c_str(), type, nullptr));
    MarkMethodRawCallback(static_cast<int>(paths_.size()) - 1, handler);
  }

  const FrontRules rules_;
  std::deque<std::string> paths_;  // gRPC keeps pointers to them.
};

}  // namespace

GrpcFront::GrpcFront(const MethodRegistry& methods, const FrontRules& rules) {
  for (const auto* service : methods.services()) {
    services_.push_back(std::make_unique<Service>(*service, methods, rules));
  }
}

GrpcFront::~GrpcFront() = default;

void GrpcFront::AddTo(grpc::ServerBuilder& builder) {
  for (const auto& service : services_) builder.RegisterService(service.get());
}

}  // namespace chorus::gateway
