#include "api_server/runners/grpc_runner_client.h"

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <optional>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "api_server/runners/endpoint.h"
#include "api_server/runners/endpoint_address.h"
#include "api_server/runners/replica_choice.h"
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

// What the two kinds of call share: context, cancellation and the error's meaning. It deletes
// itself when the call has ended.
class Call {
 public:
  Call(const CallContext& context, std::stop_token shutdown, Endpoint& endpoint,
       InFlight::Ticket ticket)
      : ticket_(std::move(ticket)),
        lease_(endpoint.BeginCall()),
        caller_(context.stop),
        shutdown_(std::move(shutdown)) {
    if (context.deadline != absl::InfiniteFuture()) {
      context_.set_deadline(absl::ToChronoTime(context.deadline));
    }
    if (!context.request_id.empty()) context_.AddMetadata("x-request-id", context.request_id);
    if (!context.traceparent.empty()) context_.AddMetadata("traceparent", context.traceparent);
    // Cancelling before the call has started is remembered until it does.
    on_caller_.emplace(caller_, Cancel{&context_});
    on_shutdown_.emplace(shutdown_, Cancel{&context_});
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 protected:
  ~Call() = default;

  grpc::ClientContext& context() { return context_; }
  pb::RunnerService::Stub& stub() { return lease_->stub(); }

  absl::Status Outcome(const grpc::Status& status) const {
    if (status.error_code() == grpc::StatusCode::CANCELLED && !caller_.stop_requested() &&
        !shutdown_.stop_requested()) {
      // Nobody here asked for it: a runner that goes away cancels what it is at.
      return absl::UnavailableError("the runner has cancelled the call");
    }
    return FromGrpcStatus(status);
  }

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };

  InFlight::Ticket ticket_;
  Endpoint::Lease lease_;
  const std::stop_token caller_;
  const std::stop_token shutdown_;
  grpc::ClientContext context_;
  std::optional<std::stop_callback<Cancel>> on_caller_;  // After the context they use.
  std::optional<std::stop_callback<Cancel>> on_shutdown_;
};

pb::GenerateRequest ToRequest(std::string prompt, const GenerateParams& params) {
  pb::GenerateRequest request;
  request.set_text(std::move(prompt));
  request.set_max_length(params.max_length);
  request.set_max_new_tokens(params.max_new_tokens.value_or(0));
  pb::SamplingParams& sampling = *request.mutable_sampling();
  sampling.set_do_sample(params.do_sample);
  sampling.set_temperature(params.temperature);
  sampling.set_top_k(params.top_k);
  sampling.set_top_p(params.top_p);
  sampling.set_min_p(params.min_p);
  sampling.set_repetition_penalty(params.repetition_penalty);
  sampling.set_seed(params.seed);
  sampling.set_branch(params.branch);
  sampling.set_sequence(params.sequence);
  for (const std::string& stop : params.stop) request.add_stop(stop);
  request.set_ignore_eos(params.ignore_eos);
  if (params.top_logprobs) request.set_top_logprobs(*params.top_logprobs);
  request.set_finish_within_seconds(absl::ToDoubleSeconds(params.finish_within));
  return request;
}

TokenLogprob FromProto(const pb::TokenLogprob& proto) {
  TokenLogprob logprob = {.id = proto.id(), .text = proto.text(), .logprob = proto.logprob()};
  for (const pb::TokenLogprob& top : proto.top()) logprob.top.push_back(FromProto(top));
  return logprob;
}

TextDelta FromProto(pb::TextDelta& proto) {
  TextDelta delta = {.text = std::move(*proto.mutable_text()), .num_tokens = proto.num_tokens()};
  for (const pb::TokenLogprob& logprob : proto.logprobs()) {
    delta.logprobs.push_back(FromProto(logprob));
  }
  return delta;
}

std::optional<FinishReason> FromProto(pb::FinishReason reason) {
  switch (reason) {
    case pb::FINISH_REASON_STOP:
      return FinishReason::kStop;
    case pb::FINISH_REASON_LENGTH:
      return FinishReason::kLength;
    case pb::FINISH_REASON_DEADLINE:
      return FinishReason::kDeadline;
    case pb::FINISH_REASON_STOP_STRING:
      return FinishReason::kStopString;
    default:
      return std::nullopt;
  }
}

class GenerateCall final : private Call, private grpc::ClientReadReactor<pb::GenerateResponse> {
 public:
  template <typename... Args>
  explicit GenerateCall(pb::GenerateRequest request, RunnerClient::OnText on_text,
                        RunnerClient::OnGenerated done, Args&&... args)
      : Call(std::forward<Args>(args)...),
        request_(std::move(request)),
        on_text_(std::move(on_text)),
        done_(std::move(done)) {}

  void Start() {
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
      on_text_(FromProto(*response.mutable_delta()));
      return absl::OkStatus();
    }
    if (!response.has_finished()) return absl::InternalError("the runner wrote an empty message");
    const pb::Finished& finished = response.finished();
    const std::optional<FinishReason> reason = FromProto(finished.reason());
    if (!reason.has_value()) {
      return absl::InternalError(
          absl::StrCat("the runner ended a text for a reason unknown here: ", finished.reason()));
    }
    const pb::GenerationTiming& timing = finished.timing();
    end_ = {.reason = *reason,
            .prompt_tokens = finished.prompt_tokens(),
            .generated_tokens = finished.generated_tokens(),
            .queue_time = absl::Seconds(timing.queue_seconds()),
            .prefill_time = absl::Seconds(timing.prefill_seconds()),
            .decode_time = absl::Seconds(timing.decode_seconds()),
            .mean_batch_size = timing.mean_batch_size(),
            .model_version = finished.model_version()};
    return absl::OkStatus();
  }

  void OnDone(const grpc::Status& grpc_status) override {
    absl::Status status = violation_.ok() ? Outcome(grpc_status) : violation_;
    if (status.ok() && !end_.has_value()) {
      status = absl::InternalError("the runner's stream ended without `finished`");
    }
    if (status.ok()) {
      std::move(done_)(*end_);
    } else {
      std::move(done_)(std::move(status));
    }
    delete this;
  }

  const pb::GenerateRequest request_;
  pb::GenerateResponse response_;
  RunnerClient::OnText on_text_;
  RunnerClient::OnGenerated done_;
  std::optional<GenerationEnd> end_;
  absl::Status violation_;
};

absl::Status Check(const pb::ClassifyResponse& response, int num_texts) {
  if (response.results_size() != num_texts) {
    return absl::InternalError(absl::StrCat("the runner was sent ", num_texts,
                                            " texts and answered ", response.results_size()));
  }
  for (const pb::Classification& result : response.results()) {
    if (result.probabilities().empty() || result.probabilities_size() != response.labels_size()) {
      return absl::InternalError(absl::StrCat("the runner names ", response.labels_size(),
                                              " labels and gives ", result.probabilities_size(),
                                              " probabilities"));
    }
  }
  return absl::OkStatus();
}

std::vector<TextClassification> FromProto(const pb::ClassifyResponse& response) {
  std::vector<TextClassification> results;
  for (const pb::Classification& result : response.results()) {
    results.push_back(
        {.labels = {response.labels().begin(), response.labels().end()},
         .probabilities = {result.probabilities().begin(), result.probabilities().end()},
         .max_batch_size = response.max_batch_size(),
         .model_version = response.model_version()});
  }
  return results;
}

std::vector<TextToken> FromProto(pb::TokenizeResponse& response) {
  std::vector<TextToken> tokens;
  for (pb::Token& token : *response.mutable_tokens()) {
    tokens.push_back({token.id(), std::move(*token.mutable_text()), token.begin(), token.end()});
  }
  return tokens;
}

// A call with one request and one reply.
template <typename Request, typename Response>
class UnaryCall final : private Call {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Response>) &&>;

  template <typename... Args>
  explicit UnaryCall(Request request, Done done, Args&&... args)
      : Call(std::forward<Args>(args)...), request_(std::move(request)), done_(std::move(done)) {}

  void Start(UnaryMethod<Request, Response> method) {
    (stub().async()->*method)(&context(), &request_, &response_,
                              [this](const grpc::Status& status) { OnDone(status); });
  }

 private:
  void OnDone(const grpc::Status& grpc_status) {
    if (const absl::Status status = Outcome(grpc_status); status.ok()) {
      std::move(done_)(std::move(response_));
    } else {
      std::move(done_)(status);
    }
    delete this;
  }

  const Request request_;
  Response response_;
  Done done_;
};

// Runs `task` soon, on a thread of gRPC's: a completion must not come from inside the call.
void RunSoon(absl::AnyInvocable<void() &&> task) {
  struct Pending {
    grpc::Alarm alarm;
    absl::AnyInvocable<void() &&> task;
  };
  auto* pending = new Pending{.task = std::move(task)};
  pending->alarm.Set(std::chrono::system_clock::now(), [pending](bool) {
    std::move(pending->task)();
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
  return std::unique_ptr<GrpcRunnerClient>(new GrpcRunnerClient(options));
}

GrpcRunnerClient::GrpcRunnerClient(const Options& options) {
  for (const std::string& target : options.endpoints) {
    endpoints_.push_back(std::make_unique<Endpoint>(
        Endpoint::Options{.runner = options.name,
                          .target = target,
                          .max_message_bytes = options.max_message_bytes,
                          .on_health_change = options.on_health_change}));
  }
}

GrpcRunnerClient::~GrpcRunnerClient() {
  shutdown_.request_stop();
  in_flight_.Wait();
}

template <typename Done>
Endpoint* GrpcRunnerClient::ChooseOrFail(InFlight::Ticket& ticket, Done& done) const {
  Endpoint* endpoint = Choose();
  if (endpoint == nullptr) {
    RunSoon([ticket = std::move(ticket), status = NoHealthyReplica(),
             done = std::move(done)]() mutable { std::move(done)(std::move(status)); });
  }
  return endpoint;
}

template <typename Request, typename Response, typename Done, typename Read, typename Method>
void GrpcRunnerClient::StartUnary(Method method, Request request, const CallContext& context,
                                  Done done, Read read) {
  InFlight::Ticket ticket = in_flight_.Enter();
  Endpoint* endpoint = ChooseOrFail(ticket, done);
  if (endpoint == nullptr) return;
  auto on_reply = [done = std::move(done), read](absl::StatusOr<Response> reply) mutable {
    if (!reply.ok()) return std::move(done)(std::move(reply).status());
    std::move(done)(read(*reply));
  };
  (new UnaryCall<Request, Response>(std::move(request), std::move(on_reply), context,
                                    shutdown_.get_token(), *endpoint, std::move(ticket)))
      ->Start(method);
}

void GrpcRunnerClient::Generate(std::string prompt, const GenerateParams& params,
                                CallContext context, OnText on_text, OnGenerated done) {
  InFlight::Ticket ticket = in_flight_.Enter();
  Endpoint* endpoint = ChooseOrFail(ticket, done);
  if (endpoint == nullptr) return;
  (new GenerateCall(ToRequest(std::move(prompt), params), std::move(on_text), std::move(done),
                    context, shutdown_.get_token(), *endpoint, std::move(ticket)))
      ->Start();
}

void GrpcRunnerClient::Classify(std::vector<std::string> texts, CallContext context,
                                OnClassified done) {
  pb::ClassifyRequest request;
  for (std::string& text : texts) request.add_texts(std::move(text));
  const int num_texts = request.texts_size();
  StartUnary<pb::ClassifyRequest, pb::ClassifyResponse>(
      kClassify, std::move(request), context, std::move(done),
      [num_texts](pb::ClassifyResponse& reply) -> absl::StatusOr<std::vector<TextClassification>> {
        RETURN_IF_ERROR(Check(reply, num_texts));
        return FromProto(reply);
      });
}

void GrpcRunnerClient::Tokenize(std::string text, CallContext context, OnTokenized done) {
  pb::TokenizeRequest request;
  request.set_text(std::move(text));
  StartUnary<pb::TokenizeRequest, pb::TokenizeResponse>(
      kTokenize, std::move(request), context, std::move(done),
      [](pb::TokenizeResponse& reply) { return FromProto(reply); });
}

void GrpcRunnerClient::Detokenize(std::vector<uint32_t> ids, CallContext context,
                                  OnDetokenized done) {
  pb::DetokenizeRequest request;
  request.mutable_ids()->Add(ids.begin(), ids.end());
  StartUnary<pb::DetokenizeRequest, pb::DetokenizeResponse>(
      kDetokenize, std::move(request), context, std::move(done),
      [](pb::DetokenizeResponse& reply) { return std::move(*reply.mutable_text()); });
}

RunnerClient::Replicas GrpcRunnerClient::replicas() const {
  Replicas replicas = {.total = static_cast<int>(endpoints_.size())};
  for (const auto& endpoint : endpoints_) replicas.healthy += endpoint->healthy() ? 1 : 0;
  return replicas;
}

bool GrpcRunnerClient::healthy() const {
  for (const auto& endpoint : endpoints_) {
    if (endpoint->healthy()) return true;
  }
  return false;
}

Endpoint* GrpcRunnerClient::Choose() const {
  std::vector<Endpoint*> healthy;
  std::vector<int> num_calls;
  for (const auto& endpoint : endpoints_) {
    if (!endpoint->healthy()) continue;
    healthy.push_back(endpoint.get());
    num_calls.push_back(endpoint->num_calls());
  }
  if (healthy.empty()) return nullptr;
  thread_local absl::InsecureBitGen random;
  return healthy[ChooseReplica(num_calls, absl::Uniform<uint64_t>(random))];
}

absl::Status GrpcRunnerClient::NoHealthyReplica() const {
  return absl::UnavailableError(
      absl::StrCat("no healthy replica: 0 of ", endpoints_.size(), " are serving"));
}

}  // namespace chorus
