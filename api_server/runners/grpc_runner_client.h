#pragma once

// Calls a runner's replicas over chorus.runner.v1.
//
// A call goes to a healthy replica (replica_set.h); without one it fails at once with UNAVAILABLE,
// and with RESOURCE_EXHAUSTED if the queues of all are known to be full.
// A call that a replica loses, or refuses because it drains, is retried once at another replica, if
// the retry budget allows and no text has been passed on, or the text may restart.
//
// Thread safety: as RunnerClient; callbacks run on gRPC's threads, or on `workers`.

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api_server/graph/runner_client.h"
#include "api_server/runners/replica_set.h"
#include "base/grpc/connection.h"
#include "base/in_flight.h"
#include "base/worker_pool.h"

namespace chorus::gateway {

class GrpcRunnerClient final : public RunnerClient {
 public:
  struct Options {
    std::string name;                    // The runner's, for logs.
    std::vector<std::string> endpoints;  // As ReplicaSet's, and the next.
    ModelTask task = ModelTask::kUnknown;
    int max_message_bytes = kMaxRunnerMessageBytes;  // Of one request or reply.
    // Parses large replies and runs their `done`. Must outlive the client. Null: gRPC's threads.
    WorkerPool* workers = nullptr;
    // Called when a replica comes, goes, or changes its health. Must neither block nor destroy the
    // client.
    std::function<void()> on_health_change;
    ReplicaSet::Resolve resolve = ResolveEndpoint;
    absl::Duration resolve_period = absl::Seconds(2);
  };

  // Begins to connect; the first calls may find no healthy replica yet. INVALID_ARGUMENT for a
  // malformed endpoint, or none.
  static absl::StatusOr<std::unique_ptr<GrpcRunnerClient>> Create(Options options);

  // As ReplicaSet's. INVALID_ARGUMENT for a malformed endpoint; nothing is changed then. None at
  // all is allowed, of a runner that is no longer served. By one thread.
  absl::Status SetEndpoints(const std::vector<std::string>& endpoints,
                            ModelTask task = ModelTask::kUnknown);

  // Cancels the calls in progress and waits for their callbacks. Must not run in one.
  ~GrpcRunnerClient() override;

  void Generate(runner::v1::GenerateRequest request, CallContext context, OnText on_text,
                OnRestart on_restart, Done<v1::GenerationEnd> done) override;
  void Classify(runner::v1::ClassifyRequest request, CallContext context,
                Done<runner::v1::ClassifyResponse> done) override;
  void Embed(runner::v1::EmbedRequest request, CallContext context,
             Done<runner::v1::EmbedResponse> done) override;
  void Tokenize(runner::v1::TokenizeRequest request, CallContext context,
                Done<runner::v1::TokenizeResponse> done) override;
  void Detokenize(runner::v1::DetokenizeRequest request, CallContext context,
                  Done<runner::v1::DetokenizeResponse> done) override;
  absl::Status CheckRoom(size_t prompt_bytes, const v1::GenerationParams& params) override;
  RunnerStatus status() const override;
  bool healthy() const override;
  bool suits(ModelTask task) const override;

 private:
  explicit GrpcRunnerClient(Options options);

  template <typename Request, typename Response, typename Method>
  void StartUnary(Method method, Request request, const ReplicaSet::Work& work, CallContext context,
                  Done<Response> done);

  WorkerPool* const workers_;
  ReplicaSet replicas_;
  std::stop_source shutdown_;
  InFlight in_flight_;
};

}  // namespace chorus::gateway
