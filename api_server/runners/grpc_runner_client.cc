#include "api_server/runners/grpc_runner_client.h"

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server/runners/endpoint.h"
#include "api_server/runners/endpoint_address.h"
#include "api_server/runners/runner_messages.h"
#include "base/grpc_status.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

namespace pb = ::chorus::runner::v1;

using Async = pb::RunnerService::StubInterface::async_interface;

template <typename Request, typename Response>
using UnaryMethod = void (Async::*)(grpc::ClientContext*, const Request*, Response*,
                                    std::function<void(grpc::Status)>);
constexpr UnaryMethod<pb::ClassifyRequest, pb::ClassifyResponse> kClassify = &Async::Classify;
constexpr UnaryMethod<pb::TokenizeRequest, pb::TokenizeResponse> kTokenize = &Async::Tokenize;
constexpr UnaryMethod<pb::DetokenizeRequest, pb::DetokenizeResponse> kDetokenize =
    &Async::Detokenize;

constexpr int kMaxAttempts = 2;  // A prompt that kills runners meets no more than these.

// About how many tokens a text of that many bytes has.
int64_t EstimateTokens(size_t num_bytes) { return static_cast<int64_t>(num_bytes / 4) + 1; }

// Whether gRPC, here or in the runner, has refused a message for its size. It says so with the code
// that a runner's full queue has, but trying again never helps.
bool IsTooLarge(const absl::Status& status) {
  return absl::IsResourceExhausted(status) &&
         absl::StrContains(status.message(), "message larger than max");
}

// What the two kinds of call share: replica, context, cancellation and the error's meaning. It
// deletes itself when the call has ended.
class Call {
 public:
  Call(ReplicaSet& replicas, Endpoint::Lease lease, ModelTask task, int64_t tokens,
       CallContext context, std::stop_token shutdown, InFlight::Ticket ticket)
      : ticket_(std::move(ticket)),
        replicas_(replicas),
        lease_(std::move(lease)),
        task_(task),
        tokens_(tokens),
        call_(std::move(context)),
        shutdown_(std::move(shutdown)) {
    Prepare();
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 protected:
  ~Call() = default;

  const CallContext& call() const { return call_; }
  // Of the attempt in progress.
  grpc::ClientContext& context() { return *context_; }
  pb::RunnerService::Stub& stub() { return lease_->stub(); }
  void Spend(int64_t tokens) { lease_.Spend(tokens); }

  // What an attempt's end means; said once for each.
  absl::Status Outcome(const grpc::Status& grpc_status) {
    absl::Status status = FromGrpcStatus(grpc_status);
    if (absl::IsCancelled(status) && !call_.stop.stop_requested() && !shutdown_.stop_requested()) {
      // Nobody here asked for it: a runner that goes away cancels what it is at.
      status = absl::UnavailableError("the runner has cancelled the call");
    }
    if (IsTooLarge(status)) {
      status = absl::InvalidArgumentError(
          absl::StrCat("request or reply are larger than what gateway and runner exchange; ask for "
                       "less at once: ",
                       status.message()));
    }
    replicas_.Report(*lease_.get(), status);
    return status;
  }

  // Whether the call, an attempt of which has ended with `status`, is to be tried again; all is
  // then prepared for it.
  bool TryElsewhere(const absl::Status& status) {
    if (!absl::IsUnavailable(status) || num_attempts_ == kMaxAttempts ||
        call_.stop.stop_requested() || shutdown_.stop_requested()) {
      return false;
    }
    Endpoint::Lease lease = replicas_.Choose(task_, tokens_, lease_.get());
    if (!lease || !replicas_.TakeRetry()) return false;
    lease_ = std::move(lease);
    Prepare();
    return true;
  }

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };

  // For an attempt at the lease's replica.
  void Prepare() {
    ++num_attempts_;
    on_caller_.reset();
    on_shutdown_.reset();
    context_.emplace();
    if (call_.deadline != absl::InfiniteFuture()) {
      context_->set_deadline(absl::ToChronoTime(call_.deadline));
    }
    if (!call_.request_id.empty()) context_->AddMetadata("x-request-id", call_.request_id);
    if (!call_.traceparent.empty()) context_->AddMetadata("traceparent", call_.traceparent);
    // Cancelling before the call has started is remembered until it does.
    on_caller_.emplace(call_.stop, Cancel{&*context_});
    on_shutdown_.emplace(shutdown_, Cancel{&*context_});
  }

  InFlight::Ticket ticket_;
  ReplicaSet& replicas_;
  Endpoint::Lease lease_;
  const ModelTask task_;
  const int64_t tokens_;
  const CallContext call_;
  const std::stop_token shutdown_;
  int num_attempts_ = 0;
  std::optional<grpc::ClientContext> context_;
  std::optional<std::stop_callback<Cancel>> on_caller_;  // After the context they use.
  std::optional<std::stop_callback<Cancel>> on_shutdown_;
};

class GenerateCall final : private Call, private grpc::ClientReadReactor<pb::GenerateResponse> {
 public:
  template <typename... Args>
  explicit GenerateCall(std::string prompt, const GenerateParams& params,
                        RunnerClient::OnText on_text, RunnerClient::OnGenerated done,
                        Args&&... args)
      : Call(std::forward<Args>(args)...),
        request_(ToRequest(std::move(prompt), params)),
        finish_at_(params.finish_within == absl::ZeroDuration()
                       ? absl::InfiniteFuture()
                       : absl::Now() + params.finish_within),
        may_restart_(params.may_restart),
        on_text_(std::move(on_text)),
        done_(std::move(done)) {
    request_.set_underway(call().underway);
  }

  void Start() {
    if (finish_at_ != absl::InfiniteFuture()) {
      // The runner then says that there is no time for a token.
      const absl::Duration left = std::max(finish_at_ - absl::Now(), absl::Milliseconds(1));
      request_.set_finish_within_seconds(absl::ToDoubleSeconds(left));
    }
    stub().async()->Generate(&context(), &request_, this);
    StartRead(&response_);
    StartCall();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (absl::Status status = Take(response_); !status.ok()) {
      violation_ = std::move(status);
      context().TryCancel();
      return;
    }
    StartRead(&response_);
  }

  // Errors are the runner's faults against the protocol.
  absl::Status Take(pb::GenerateResponse& response) {
    if (end_.has_value()) return absl::InternalError("the runner wrote on after `finished`");
    if (response.has_delta()) {
      has_text_ = true;
      Spend(response.delta().num_tokens());
      on_text_(FromProto(*response.mutable_delta()));
      return absl::OkStatus();
    }
    if (!response.has_finished()) return absl::InternalError("the runner wrote an empty message");
    ASSIGN_OR_RETURN(end_, FromProto(response.finished()));
    return absl::OkStatus();
  }

  void OnDone(const grpc::Status& grpc_status) override {
    const absl::Status outcome = Outcome(grpc_status);
    absl::Status status = violation_.ok() ? outcome : violation_;
    if (status.ok() && !end_.has_value()) {
      status = absl::InternalError("the runner's stream ended without `finished`");
    }
    if ((!has_text_ || may_restart_) && TryElsewhere(status)) return StartAgain();
    if (status.ok()) {
      std::move(done_)(*end_);
    } else {
      std::move(done_)(std::move(status));
    }
    delete this;
  }

  void StartAgain() {
    if (std::exchange(has_text_, false)) on_text_({.restart = true});
    end_.reset();
    Start();
  }

  pb::GenerateRequest request_;
  const absl::Time finish_at_;
  const bool may_restart_;
  pb::GenerateResponse response_;
  RunnerClient::OnText on_text_;
  RunnerClient::OnGenerated done_;
  bool has_text_ = false;
  std::optional<GenerationEnd> end_;
  absl::Status violation_;
};

// A call with one request and one reply.
template <typename Request, typename Response>
class UnaryCall final : private Call {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Response>) &&>;

  template <typename... Args>
  explicit UnaryCall(Request request, Done done, Args&&... args)
      : Call(std::forward<Args>(args)...), request_(std::move(request)), done_(std::move(done)) {}

  void Start(UnaryMethod<Request, Response> method) {
    method_ = method;
    (stub().async()->*method)(&context(), &request_, &response_,
                              [this](const grpc::Status& status) { OnDone(status); });
  }

 private:
  void OnDone(const grpc::Status& grpc_status) {
    const absl::Status status = Outcome(grpc_status);
    if (TryElsewhere(status)) {
      response_.Clear();
      return Start(method_);
    }
    if (status.ok()) {
      std::move(done_)(std::move(response_));
    } else {
      std::move(done_)(status);
    }
    delete this;
  }

  const Request request_;
  UnaryMethod<Request, Response> method_ = nullptr;
  Response response_;
  Done done_;
};

// Tells `done` of `status` on a thread of gRPC's: a completion must not come from inside the call.
template <typename Done>
void FailSoon(absl::Status status, InFlight::Ticket ticket, Done done) {
  struct Pending {
    absl::Status status;
    InFlight::Ticket ticket;
    Done done;
    grpc::Alarm alarm;
  };
  auto* pending = new Pending{std::move(status), std::move(ticket), std::move(done), {}};
  pending->alarm.Set(std::chrono::system_clock::now(), [pending](bool) {
    std::move(pending->done)(std::move(pending->status));
    delete pending;
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcRunnerClient>> GrpcRunnerClient::Create(Options options) {
  if (options.endpoints.empty()) {
    return absl::InvalidArgumentError("endpoints must name at least one replica");
  }
  for (const std::string& endpoint : options.endpoints) {
    RETURN_IF_ERROR(CheckEndpointAddress(endpoint));
  }
  return std::unique_ptr<GrpcRunnerClient>(new GrpcRunnerClient(std::move(options)));
}

GrpcRunnerClient::GrpcRunnerClient(Options options)
    : workers_(options.workers),
      replicas_({.runner = std::move(options.name),
                 .endpoints = std::move(options.endpoints),
                 .max_message_bytes = options.max_message_bytes,
                 .on_health_change = std::move(options.on_health_change),
                 .resolve = std::move(options.resolve),
                 .resolve_period = options.resolve_period}) {}

GrpcRunnerClient::~GrpcRunnerClient() {
  shutdown_.request_stop();
  in_flight_.Wait();
}

template <typename Request, typename Response, typename Done, typename Read, typename Method>
void GrpcRunnerClient::StartUnary(Method method, Request request, ModelTask task, int64_t tokens,
                                  CallContext context, Done done, Read read) {
  InFlight::Ticket ticket = in_flight_.Enter();
  Endpoint::Lease lease = replicas_.Choose(task, tokens);
  if (!lease) return FailSoon(replicas_.NoneHealthy(), std::move(ticket), std::move(done));
  auto on_reply = [done = std::move(done), read,
                   workers = workers_](absl::StatusOr<Response> reply) mutable {
    if (!reply.ok()) return std::move(done)(std::move(reply).status());
    if (workers == nullptr || reply->ByteSizeLong() <= WorkerPool::kLargeBytes) {
      return std::move(done)(read(*reply));
    }
    workers->Run([done = std::move(done), read, reply = *std::move(reply)]() mutable {
      std::move(done)(read(reply));
    });
  };
  (new UnaryCall<Request, Response>(std::move(request), std::move(on_reply), replicas_,
                                    std::move(lease), task, tokens, std::move(context),
                                    shutdown_.get_token(), std::move(ticket)))
      ->Start(method);
}

void GrpcRunnerClient::Generate(std::string prompt, const GenerateParams& params,
                                CallContext context, OnText on_text, OnGenerated done) {
  InFlight::Ticket ticket = in_flight_.Enter();
  const int64_t tokens =
      EstimateTokens(prompt.size()) + params.max_new_tokens.value_or(params.max_length);
  Endpoint::Lease lease = replicas_.Choose(ModelTask::kGenerate, tokens);
  if (!lease) return FailSoon(replicas_.NoneHealthy(), std::move(ticket), std::move(done));
  (new GenerateCall(std::move(prompt), params, std::move(on_text), std::move(done), replicas_,
                    std::move(lease), ModelTask::kGenerate, tokens, std::move(context),
                    shutdown_.get_token(), std::move(ticket)))
      ->Start();
}

void GrpcRunnerClient::Classify(std::vector<std::string> texts, const ClassifyParams& params,
                                CallContext context, OnClassified done) {
  pb::ClassifyRequest request;
  request.set_refuse_truncation(!params.truncate);
  request.set_split_special_tokens(params.split_special_tokens);
  request.set_underway(context.underway);
  int64_t tokens = 0;
  for (std::string& text : texts) {
    tokens += EstimateTokens(text.size());
    request.add_texts(std::move(text));
  }
  const int num_texts = request.texts_size();
  StartUnary<pb::ClassifyRequest, pb::ClassifyResponse>(
      kClassify, std::move(request), ModelTask::kClassify, tokens, std::move(context),
      std::move(done),
      [num_texts](const pb::ClassifyResponse& reply) { return FromProto(reply, num_texts); });
}

// Tokenizing is no work for the model, and weighs nothing.
void GrpcRunnerClient::Tokenize(std::string text, const TokenizeParams& params, CallContext context,
                                OnTokenized done) {
  pb::TokenizeRequest request;
  request.set_text(std::move(text));
  request.set_ids_only(params.ids_only);
  if (params.limit) request.set_limit(*params.limit);
  request.set_offset(params.offset);
  request.set_split_special_tokens(params.split_special_tokens);
  StartUnary<pb::TokenizeRequest, pb::TokenizeResponse>(
      kTokenize, std::move(request), ModelTask::kUnknown, /*tokens=*/0, std::move(context),
      std::move(done), [](pb::TokenizeResponse& reply) { return FromProto(reply); });
}

void GrpcRunnerClient::Detokenize(std::vector<uint32_t> ids, CallContext context,
                                  OnDetokenized done) {
  pb::DetokenizeRequest request;
  request.mutable_ids()->Add(ids.begin(), ids.end());
  StartUnary<pb::DetokenizeRequest, pb::DetokenizeResponse>(
      kDetokenize, std::move(request), ModelTask::kUnknown, /*tokens=*/0, std::move(context),
      std::move(done),
      [](pb::DetokenizeResponse& reply) { return std::move(*reply.mutable_text()); });
}

RunnerStatus GrpcRunnerClient::status() const { return replicas_.status(); }

bool GrpcRunnerClient::healthy() const { return replicas_.healthy(); }

bool GrpcRunnerClient::suits(ModelTask task) const { return replicas_.suits(task); }

}  // namespace chorus
