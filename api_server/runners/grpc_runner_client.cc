#include "api_server/runners/grpc_runner_client.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <cmath>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api_server/runners/endpoint_address.h"
#include "api_server/runners/generate_call.h"
#include "api_server/runners/runner_call.h"
#include "base/finite.h"
#include "base/generation_params.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

namespace pb = ::chorus::runner::v1;

constexpr UnaryMethod<pb::ClassifyRequest, pb::ClassifyResponse> kClassify = &RunnerStub::Classify;
constexpr UnaryMethod<pb::EmbedRequest, pb::EmbedResponse> kEmbed = &RunnerStub::Embed;
constexpr UnaryMethod<pb::TokenizeRequest, pb::TokenizeResponse> kTokenize = &RunnerStub::Tokenize;
constexpr UnaryMethod<pb::DetokenizeRequest, pb::DetokenizeResponse> kDetokenize =
    &RunnerStub::Detokenize;

// Approximate tokens of a text of that many bytes.
int64_t EstimateTokens(size_t num_bytes) { return static_cast<int64_t>(num_bytes / 4) + 1; }

// Approximate tokens of a generation.
int64_t EstimateTokens(size_t prompt_bytes, const v1::GenerationParams& asked) {
  v1::GenerationParams params = DefaultParams();
  Override(asked, params);
  return EstimateTokens(prompt_bytes) +
         (params.has_max_new_tokens() ? params.max_new_tokens() : params.max_length());
}

absl::StatusOr<pb::ClassifyResponse> Checked(absl::StatusOr<pb::ClassifyResponse> reply,
                                             int num_texts) {
  if (!reply.ok()) return reply;
  if (reply->results_size() != num_texts) {
    return absl::InternalError(absl::StrCat("the runner was sent ", num_texts,
                                            " texts and answered ", reply->results_size()));
  }
  for (const pb::Classification& result : reply->results()) {
    if (result.scores().empty() || result.scores_size() != reply->labels_size()) {
      return absl::InternalError(absl::StrCat("the runner names ", reply->labels_size(),
                                              " labels and gives ", result.scores_size(),
                                              " scores"));
    }
    const bool is_raw = reply->score_kind() == v1::SCORE_KIND_RAW;
    for (const double score : result.scores()) {
      if (is_raw ? std::isfinite(score) : score >= 0 && score <= 1) continue;
      return absl::InternalError(absl::StrCat("the runner gives a score that is not ",
                                              is_raw ? "finite" : "in [0, 1]", ": ", score));
    }
  }
  return reply;
}

absl::StatusOr<pb::EmbedResponse> Checked(absl::StatusOr<pb::EmbedResponse> reply, int num_texts) {
  if (!reply.ok()) return reply;
  if (reply->results_size() != num_texts) {
    return absl::InternalError(absl::StrCat("the runner was sent ", num_texts,
                                            " texts and answered ", reply->results_size()));
  }
  const int size = reply->results(0).values_size();
  for (const pb::Embedding& result : reply->results()) {
    const std::span<const float> values(result.values().data(), result.values().size());
    if (size > 0 && result.values_size() == size && AllFinite(values)) continue;
    return absl::InternalError(absl::StrCat("the runner gives a vector of ", result.values_size(),
                                            " numbers, which must be finite and as many as the ",
                                            size, " of the first"));
  }
  return reply;
}

template <typename Texts>
int64_t EstimateTokensOf(const Texts& texts) {
  int64_t tokens = 0;
  for (const std::string& text : texts) tokens += EstimateTokens(text.size());
  return tokens;
}

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
                 .task = options.task,
                 .on_health_change = std::move(options.on_health_change),
                 .resolve = std::move(options.resolve),
                 .resolve_period = options.resolve_period}) {}

absl::Status GrpcRunnerClient::SetEndpoints(const std::vector<std::string>& endpoints,
                                            ModelTask task) {
  for (const std::string& endpoint : endpoints) RETURN_IF_ERROR(CheckEndpointAddress(endpoint));
  replicas_.SetEndpoints(endpoints, task);
  return absl::OkStatus();
}

GrpcRunnerClient::~GrpcRunnerClient() {
  shutdown_.request_stop();
  in_flight_.Wait();
}

template <typename Request, typename Response, typename Method>
void GrpcRunnerClient::StartUnary(Method method, Request request, const ReplicaSet::Work& work,
                                  CallContext context, Done<Response> done) {
  InFlight::Ticket ticket = in_flight_.Enter();
  absl::StatusOr<Endpoint::Lease> lease = replicas_.Choose(work);
  if (!lease.ok()) return FailSoon(lease.status(), std::move(ticket), std::move(done));
  auto on_reply = [done = std::move(done),
                   workers = workers_](absl::StatusOr<Response> reply) mutable {
    if (!reply.ok() || workers == nullptr || reply->ByteSizeLong() <= WorkerPool::kLargeBytes) {
      return std::move(done)(std::move(reply));
    }
    workers->Run([done = std::move(done), reply = std::move(reply)]() mutable {
      std::move(done)(std::move(reply));
    });
  };
  (new UnaryCall<Request, Response>(std::move(request), std::move(on_reply),
                                    {.ticket = std::move(ticket),
                                     .replicas = replicas_,
                                     .work = work,
                                     .lease = *std::move(lease),
                                     .context = std::move(context),
                                     .shutdown = shutdown_.get_token()}))
      ->Start(method);
}

void GrpcRunnerClient::Generate(pb::GenerateRequest request, CallContext context, OnText on_text,
                                OnRestart on_restart, Done<v1::GenerationEnd> done) {
  InFlight::Ticket ticket = in_flight_.Enter();
  const ReplicaSet::Work work = {.task = ModelTask::kGenerate,
                                 .tokens = EstimateTokens(request.text().size(), request.params()),
                                 .waits = !request.underway()};
  absl::StatusOr<Endpoint::Lease> lease = replicas_.Choose(work);
  if (!lease.ok()) return FailSoon(lease.status(), std::move(ticket), std::move(done));
  (new GenerateCall(std::move(request), std::move(on_text), std::move(on_restart), std::move(done),
                    {.ticket = std::move(ticket),
                     .replicas = replicas_,
                     .work = work,
                     .lease = *std::move(lease),
                     .context = std::move(context),
                     .shutdown = shutdown_.get_token()}))
      ->Start();
}

absl::Status GrpcRunnerClient::CheckRoom(size_t prompt_bytes, const v1::GenerationParams& params) {
  return replicas_.CheckRoom({.task = ModelTask::kGenerate,
                              .tokens = EstimateTokens(prompt_bytes, params),
                              .waits = true});
}

void GrpcRunnerClient::Classify(pb::ClassifyRequest request, CallContext context,
                                Done<pb::ClassifyResponse> done) {
  const ReplicaSet::Work work = {
      .task = ModelTask::kClassify,
      .tokens = EstimateTokensOf(request.texts()) + EstimateTokensOf(request.text_pairs()),
      .waits = !request.underway()};
  auto on_reply = [num_texts = request.texts_size(),
                   done = std::move(done)](absl::StatusOr<pb::ClassifyResponse> reply) mutable {
    std::move(done)(Checked(std::move(reply), num_texts));
  };
  StartUnary<pb::ClassifyRequest, pb::ClassifyResponse>(kClassify, std::move(request), work,
                                                        std::move(context), std::move(on_reply));
}

void GrpcRunnerClient::Embed(pb::EmbedRequest request, CallContext context,
                             Done<pb::EmbedResponse> done) {
  const ReplicaSet::Work work = {.task = ModelTask::kEmbed,
                                 .tokens = EstimateTokensOf(request.texts()),
                                 .waits = !request.underway()};
  auto on_reply = [num_texts = request.texts_size(),
                   done = std::move(done)](absl::StatusOr<pb::EmbedResponse> reply) mutable {
    std::move(done)(Checked(std::move(reply), num_texts));
  };
  StartUnary<pb::EmbedRequest, pb::EmbedResponse>(kEmbed, std::move(request), work,
                                                  std::move(context), std::move(on_reply));
}

// Tokenizing is no work for the model and waits in no queue.
void GrpcRunnerClient::Tokenize(pb::TokenizeRequest request, CallContext context,
                                Done<pb::TokenizeResponse> done) {
  StartUnary(kTokenize, std::move(request), {}, std::move(context), std::move(done));
}

void GrpcRunnerClient::Detokenize(pb::DetokenizeRequest request, CallContext context,
                                  Done<pb::DetokenizeResponse> done) {
  StartUnary(kDetokenize, std::move(request), {}, std::move(context), std::move(done));
}

RunnerStatus GrpcRunnerClient::status() const { return replicas_.status(); }

bool GrpcRunnerClient::healthy() const { return replicas_.healthy(); }

bool GrpcRunnerClient::suits(ModelTask task) const { return replicas_.suits(task); }

}  // namespace chorus::gateway
