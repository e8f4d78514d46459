#pragma once

// Calls a runner's replicas over chorus.runner.v1.
//
// Each call goes to one healthy replica, once: it is not tried again. A replica is healthy while
// its grpc.health.v1 Watch says SERVING; without a healthy one a call fails at once with
// UNAVAILABLE, and so does a call whose connection is lost.
//
// Thread safety: as RunnerClient; callbacks run on gRPC's threads.

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api_server/runners/runner_client.h"
#include "base/in_flight.h"

namespace chorus {

class Endpoint;

class GrpcRunnerClient final : public RunnerClient {
 public:
  struct Options {
    std::string name;                    // The runner's, for logs.
    std::vector<std::string> endpoints;  // "host:port" or "unix:/path" of each replica.
    int max_message_bytes = 16 << 20;    // Of a request or reply.
    // Told whenever a replica's health has changed; must neither block nor destroy the client.
    std::function<void()> on_health_change;
  };

  // Begins to connect; the first calls may find no replica healthy yet. INVALID_ARGUMENT when an
  // endpoint is not of one of the two forms, or there is none.
  static absl::StatusOr<std::unique_ptr<GrpcRunnerClient>> Create(Options options);

  // Cancels the calls in progress and waits for their callbacks. Not to be called from one.
  ~GrpcRunnerClient() override;

  void Generate(std::string prompt, const GenerateParams& params, CallContext context,
                OnText on_text, OnGenerated done) override;
  void Classify(std::vector<std::string> texts, CallContext context, OnClassified done) override;
  Replicas replicas() const override;
  void Tokenize(std::string text, CallContext context, OnTokenized done) override;
  void Detokenize(std::vector<uint32_t> ids, CallContext context, OnDetokenized done) override;
  bool healthy() const override;

 private:
  explicit GrpcRunnerClient(const Options& options);

  // The replica to call; null when none is healthy.
  Endpoint* Choose() const;
  // Then takes `done`, which is soon told, and the ticket.
  template <typename Done>
  Endpoint* ChooseOrFail(InFlight::Ticket& ticket, Done& done) const;
  // `read` makes of the reply what `done` takes.
  template <typename Request, typename Response, typename Done, typename Read, typename Method>
  void StartUnary(Method method, Request request, const CallContext& context, Done done, Read read);
  absl::Status NoHealthyReplica() const;

  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::stop_source shutdown_;
  InFlight in_flight_;
};

}  // namespace chorus
