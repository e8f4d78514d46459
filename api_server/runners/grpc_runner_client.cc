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
#include "base/generation_params.h"
#include "base/grpc/status.h"
#include "base/status_macros.h"

namespace chorus::gateway {
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

constexpr int kMaxAttempts = 2;  // Bounds the runners that a bad prompt can kill.

// Approximate tokens of a text of that many bytes.
int64_t EstimateTokens(size_t num_bytes) { return static_cast<int64_t>(num_bytes / 4) + 1; }

// Approximate tokens of a generation.
int64_t EstimateTokens(const pb::GenerateRequest& request) {
  v1::GenerationParams params = DefaultParams();
  Override(request.params(), params);
  return EstimateTokens(request.text().size()) +
         (params.has_max_new_tokens() ? params.max_new_tokens() : params.max_length());
}

// INTERNAL, for a violation of the protocol.
absl::Status CheckEnd(const v1::GenerationEnd& end) {
  if (end.reason() != v1::FINISH_REASON_UNSPECIFIED && v1::FinishReason_IsValid(end.reason())) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("the runner ended a text for a reason unknown here: ", end.reason()));
}

absl::StatusOr<pb::ClassifyResponse> Checked(absl::StatusOr<pb::ClassifyResponse> reply,
                                             int num_texts) {
  if (!reply.ok()) return reply;
  if (reply->results_size() != num_texts) {
    return absl::InternalError(absl::StrCat("the runner was sent ", num_texts,
                                            " texts and answered ", reply->results_size()));
  }
  for (const pb::Classification& result : reply->results()) {
    if (result.probabilities().empty() || result.probabilities_size() != reply->labels_size()) {
      return absl::InternalError(absl::StrCat("the runner names ", reply->labels_size(),
                                              " labels and gives ", result.probabilities_size(),
                                              " probabilities"));
    }
    for (const double probability : result.probabilities()) {
      if (probability >= 0 && probability <= 1) continue;
      return absl::InternalError(
          absl::StrCat("the runner gives a probability that is not in [0, 1]: ", probability));
    }
  }
  return reply;
}

// Whether gRPC, here or in the runner, has refused a message for its size. It uses the code of a
// full queue, but a retry never helps.
bool IsTooLarge(const absl::Status& status) {
  return absl::IsResourceExhausted(status) &&
         absl::StrContains(status.message(), "message larger than max");
}

// The common part of both kinds of call: replica, context, cancellation and interpretation of
// errors. Deletes itself when the call has ended.
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

  // Reports and translates the end of an attempt. Once for each.
  absl::Status Outcome(const grpc::Status& grpc_status) {
    absl::Status status = FromGrpcStatus(grpc_status);
    if (absl::IsCancelled(status) && !call_.stop.stop_requested() && !shutdown_.stop_requested()) {
      // Not requested here: a runner that stops cancels its calls.
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

  // Whether to retry the call after an attempt that ended with `status`; if so, prepares the next
  // attempt.
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
    // A cancellation before the call has started takes effect when it does.
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
  explicit GenerateCall(pb::GenerateRequest request, RunnerClient::OnText on_text,
                        RunnerClient::OnRestart on_restart,
                        RunnerClient::Done<v1::GenerationEnd> done, Args&&... args)
      : Call(std::forward<Args>(args)...),
        request_(std::move(request)),
        finish_at_(request_.finish_within_seconds() == 0
                       ? absl::InfiniteFuture()
                       : absl::Now() + absl::Seconds(request_.finish_within_seconds())),
        on_text_(std::move(on_text)),
        on_restart_(std::move(on_restart)),
        done_(std::move(done)) {}

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
      on_text_(std::move(*response.mutable_delta()));
      return absl::OkStatus();
    }
    if (!response.has_finished()) return absl::InternalError("the runner wrote an empty message");
    end_ = std::move(*response.mutable_finished());
    return CheckEnd(*end_);
  }

  void OnDone(const grpc::Status& grpc_status) override {
    const absl::Status outcome = Outcome(grpc_status);
    absl::Status status = violation_.ok() ? outcome : violation_;
    if (status.ok() && !end_.has_value()) {
      status = absl::InternalError("the runner's stream ended without `finished`");
    }
    if ((!has_text_ || on_restart_ != nullptr) && TryElsewhere(status)) return StartAgain();
    if (status.ok()) {
      std::move(done_)(*std::move(end_));
    } else {
      std::move(done_)(std::move(status));
    }
    delete this;
  }

  void StartAgain() {
    if (std::exchange(has_text_, false)) on_restart_();
    end_.reset();
    Start();
  }

  pb::GenerateRequest request_;
  const absl::Time finish_at_;
  pb::GenerateResponse response_;
  RunnerClient::OnText on_text_;
  RunnerClient::OnRestart on_restart_;
  RunnerClient::Done<v1::GenerationEnd> done_;
  bool has_text_ = false;
  std::optional<v1::GenerationEnd> end_;
  absl::Status violation_;
};

// A call with one request and one reply.
template <typename Request, typename Response>
class UnaryCall final : private Call {
 public:
  template <typename... Args>
  explicit UnaryCall(Request request, RunnerClient::Done<Response> done, Args&&... args)
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
  RunnerClient::Done<Response> done_;
};

// Calls `done` on a gRPC thread, since completions must not run inline.
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

absl::Status GrpcRunnerClient::SetEndpoints(const std::vector<std::string>& endpoints) {
  for (const std::string& endpoint : endpoints) RETURN_IF_ERROR(CheckEndpointAddress(endpoint));
  replicas_.SetEndpoints(endpoints);
  return absl::OkStatus();
}

GrpcRunnerClient::~GrpcRunnerClient() {
  shutdown_.request_stop();
  in_flight_.Wait();
}

template <typename Request, typename Response, typename Method>
void GrpcRunnerClient::StartUnary(Method method, Request request, ModelTask task, int64_t tokens,
                                  CallContext context, Done<Response> done) {
  InFlight::Ticket ticket = in_flight_.Enter();
  Endpoint::Lease lease = replicas_.Choose(task, tokens);
  if (!lease) return FailSoon(replicas_.NoneHealthy(), std::move(ticket), std::move(done));
  auto on_reply = [done = std::move(done),
                   workers = workers_](absl::StatusOr<Response> reply) mutable {
    if (!reply.ok() || workers == nullptr || reply->ByteSizeLong() <= WorkerPool::kLargeBytes) {
      return std::move(done)(std::move(reply));
    }
    workers->Run([done = std::move(done), reply = std::move(reply)]() mutable {
      std::move(done)(std::move(reply));
    });
  };
  (new UnaryCall<Request, Response>(std::move(request), std::move(on_reply), replicas_,
                                    std::move(lease), task, tokens, std::move(context),
                                    shutdown_.get_token(), std::move(ticket)))
      ->Start(method);
}

void GrpcRunnerClient::Generate(pb::GenerateRequest request, CallContext context, OnText on_text,
                                OnRestart on_restart, Done<v1::GenerationEnd> done) {
  InFlight::Ticket ticket = in_flight_.Enter();
  const int64_t tokens = EstimateTokens(request);
  Endpoint::Lease lease = replicas_.Choose(ModelTask::kGenerate, tokens);
  if (!lease) return FailSoon(replicas_.NoneHealthy(), std::move(ticket), std::move(done));
  (new GenerateCall(std::move(request), std::move(on_text), std::move(on_restart), std::move(done),
                    replicas_, std::move(lease), ModelTask::kGenerate, tokens, std::move(context),
                    shutdown_.get_token(), std::move(ticket)))
      ->Start();
}

void GrpcRunnerClient::Classify(pb::ClassifyRequest request, CallContext context,
                                Done<pb::ClassifyResponse> done) {
  int64_t tokens = 0;
  for (const std::string& text : request.texts()) tokens += EstimateTokens(text.size());
  auto on_reply = [num_texts = request.texts_size(),
                   done = std::move(done)](absl::StatusOr<pb::ClassifyResponse> reply) mutable {
    std::move(done)(Checked(std::move(reply), num_texts));
  };
  StartUnary<pb::ClassifyRequest, pb::ClassifyResponse>(kClassify, std::move(request),
                                                        ModelTask::kClassify, tokens,
                                                        std::move(context), std::move(on_reply));
}

// Tokenizing is no work for the model and counts no tokens.
void GrpcRunnerClient::Tokenize(pb::TokenizeRequest request, CallContext context,
                                Done<pb::TokenizeResponse> done) {
  StartUnary(kTokenize, std::move(request), ModelTask::kUnknown, /*tokens=*/0, std::move(context),
             std::move(done));
}

void GrpcRunnerClient::Detokenize(pb::DetokenizeRequest request, CallContext context,
                                  Done<pb::DetokenizeResponse> done) {
  StartUnary(kDetokenize, std::move(request), ModelTask::kUnknown, /*tokens=*/0, std::move(context),
             std::move(done));
}

RunnerStatus GrpcRunnerClient::status() const { return replicas_.status(); }

bool GrpcRunnerClient::healthy() const { return replicas_.healthy(); }

bool GrpcRunnerClient::suits(ModelTask task) const { return replicas_.suits(task); }

}  // namespace chorus::gateway
