#pragma once

// Implements chorus.runner.v1 over one engine, which may be replaced. Registered before the model
// is loaded: until SetEngine every method but GetMetrics returns UNAVAILABLE. A request that does
// not parse gets INVALID_ARGUMENT.
//
// A call is the engine's that accepts it, to its end; nothing else here holds on to an engine.
//
// Thread safety: gRPC calls the RPC methods from its threads; they never block. SetEngine and
// WaitIdle may be called concurrently.

#include <grpcpp/support/server_callback.h>

#include <shared_mutex>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/worker_pool.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"
#include "runner_server/engine/engine.h"
#include "runner_server/engine/engine_of.h"
#include "runner_server/metrics/runner_metrics.h"
#include "runner_server/service/call_record.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

class RunnerService final : public runner::v1::RunnerService::CallbackService {
 public:
  // `metrics` must outlive the service.
  explicit RunnerService(RunnerMetrics& metrics);

  // Hands new calls to `engine`, which must outlive the gRPC server or the next call of this. Waits
  // for calls that are just being handed to the one before, or tokenized by it: once this returns,
  // that one has the calls it has accepted, and gets no more.
  void SetEngine(Engine& engine);

  // Blocks until no call is in progress, except calls for the state. False if `timeout` passed
  // first.
  bool WaitIdle(absl::Duration timeout) { return calls_.WaitIdle(timeout); }

  grpc::ServerWriteReactor<runner::v1::GenerateResponse>* Generate(
      grpc::CallbackServerContext* context, const runner::v1::GenerateRequest* request) override;
  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context,
                                     const runner::v1::ClassifyRequest* request,
                                     runner::v1::ClassifyResponse* response) override;
  grpc::ServerUnaryReactor* Embed(grpc::CallbackServerContext* context,
                                  const runner::v1::EmbedRequest* request,
                                  runner::v1::EmbedResponse* response) override;
  grpc::ServerUnaryReactor* GetModelInfo(grpc::CallbackServerContext* context,
                                         const runner::v1::GetModelInfoRequest* request,
                                         runner::v1::GetModelInfoResponse* response) override;
  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const runner::v1::TokenizeRequest* request,
                                     runner::v1::TokenizeResponse* response) override;
  grpc::ServerUnaryReactor* Detokenize(grpc::CallbackServerContext* context,
                                       const runner::v1::DetokenizeRequest* request,
                                       runner::v1::DetokenizeResponse* response) override;
  grpc::ServerUnaryReactor* GetLoad(grpc::CallbackServerContext* context,
                                    const runner::v1::GetLoadRequest* request,
                                    runner::v1::GetLoadResponse* response) override;
  grpc::ServerUnaryReactor* GetMetrics(grpc::CallbackServerContext* context,
                                       const runner::v1::GetMetricsRequest* request,
                                       runner::v1::GetMetricsResponse* response) override;

 private:
  // Routes requests that parse to `method`, and refuses others.
  template <typename Request, typename Response>
  void Check(const char* name,
             grpc::ServerUnaryReactor* (RunnerService::*method)(grpc::CallbackServerContext*,
                                                                const Request*, Response*));
  template <typename Request, typename Response>
  void Check(const char* name, grpc::ServerWriteReactor<Response>* (RunnerService::*method)(
                                   grpc::CallbackServerContext*, const Request*));

  // UNAVAILABLE while loading. Requires engine_mutex_, as long as the engine is used.
  absl::StatusOr<Engine*> LoadedEngine() const;
  // Also INVALID_ARGUMENT if the model has another task.
  template <typename Stepper>
  absl::StatusOr<EngineOf<Stepper>*> EngineFor(const char* method) const;
  // Runs `answer(tokenizer, *request, *response)` on tokenizer_thread_; UNAVAILABLE while loading.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* AnswerByTokenizer(const char* method, const Request* request,
                                              Response* response,
                                              absl::Status (*answer)(const Tokenizer&,
                                                                     const Request&, Response&));

  RunnerMetrics& metrics_;
  CallCounter calls_;
  std::shared_mutex engine_mutex_;  // Shared by those who use the engine.
  Engine* engine_ = nullptr;        // Guarded by it. Null while loading.
  // Keeps tokenizing off gRPC's threads and the engine's queue.
  WorkerPool tokenizer_thread_{1};
};

}  // namespace chorus::runner
