#pragma once

// Assembles the gateway: runner clients, graphs, executor, and the HTTP and gRPC fronts.
//
// Shutdown order. Drain():
//   1. reports not ready (/readyz, grpc.health.v1), and goes on serving for `drain_delay`, so that
//      load balancers can react;
//   2. refuses new calls: 503, UNAVAILABLE;
//   3. stops accepting HTTP connections, and lets open ones answer their requests;
//   4. waits for the graph and model calls in progress, until `drain_timeout` after step 2;
//   5. shuts the gRPC server down, which sends GOAWAY and cancels the rest: overdue calls and
//      endless streams such as health watches.
// Destruction then joins and destroys from the outside in: HTTP server, readers, gRPC server,
// executor (which waits for its cancelled runs), workers, handlers, runner clients.
//
// Thread safety: Reload(), RetryReload() and Drain() by one thread, not one of the server's own;
// Drain() once.

#include <grpcpp/server.h>
#include <prometheus/registry.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api_server/config.h"
#include "api_server/front/access_log.h"
#include "api_server/front/active_request.h"
#include "api_server/front/admission.h"
#include "api_server/front/grpc/grpc_front.h"
#include "api_server/front/http_handler.h"
#include "api_server/front/http_server.h"
#include "api_server/front/inference_handler.h"
#include "api_server/front/method_registry.h"
#include "api_server/front/request_metrics.h"
#include "api_server/graph/executor.h"
#include "api_server/graph_metrics.h"
#include "api_server/health_board.h"
#include "api_server/identity/gate.h"
#include "api_server/protocols/open_inference/open_inference_service.h"
#include "api_server/reload_metrics.h"
#include "api_server/replica_metrics.h"
#include "api_server/runner_clients.h"
#include "api_server/runners/runner_pages.h"
#include "base/worker_pool.h"

namespace chorus::gateway {

class Server {
 public:
  struct Options {
    std::string http_address;  // "host:port"; port 0 takes a free one.
    std::string grpc_address;
    bool reflection = true;
    GrpcConnections grpc;
    int io_threads = 2;
    bool runner_metrics = false;  // Whether /metrics includes the runners'.
    absl::Duration drain_delay;
    absl::Duration drain_timeout;
    absl::Duration keep_alive_timeout = absl::Seconds(75);
    bool access_log = true;
    std::shared_ptr<const KeyRing> keys;                      // Null: no keys.
    bool allow_anonymous = false;                             // Though there are keys.
    std::vector<std::string> allowed_hosts, allowed_origins;  // As OriginRules's.
  };

  // Listens and serves at once; answers 503 until its runners are healthy. Errors name the address
  // that cannot be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options,
                                                       const Config& config);

  // Replaces graphs, runners and limits by those of `config`; calls in progress keep the graph and
  // the replicas they began with. A replica that is no longer named takes calls until those that
  // are new do (runners/replica_set.h). An error or another size of messages leaves all unchanged.
  // So does, for now, what newly needs a runner that does not serve, or that serves a model for
  // another task: after a few seconds such a config is said to wait, until RetryReload() finds that
  // all is there, or the next Reload(). The outcome is logged and counted; to wait is an error.
  // What of it has not moved to its new endpoints yet is logged too.
  void Reload(const absl::StatusOr<Config>& config);

  // Takes over the config that waits, if there is one and it lacks nothing any more; logs what has
  // become of the new endpoints of one that was taken. Call once a second or so.
  void RetryReload();

  // The keys from now on. From any thread.
  void SetKeys(std::shared_ptr<const KeyRing> keys) { gate_.SetKeys(std::move(keys)); }

  // Cancels what is in progress; call Drain() first for an orderly end.
  ~Server();

  // See above. Blocks for drain_delay and at most drain_timeout.
  void Drain();

  // The addresses it listens on, with actual ports.
  const std::string& http_address() const { return http_address_; }
  const std::string& grpc_address() const { return grpc_address_; }

 private:
  Server(const Options& options, const Config& config);

  // For both fronts.
  FrontRules rules() {
    return {.metrics = metrics_,
            .access_log = access_log_.has_value() ? &*access_log_ : nullptr,
            .gate = &gate_,
            .origins = origins_,
            .max_timeout = max_timeout_};
  }

  absl::Status Create();
  absl::Status CreateExecutor();
  void OnHealthChange();
  void SetRunnerPages(const std::vector<Config::Runner>& runners);
  absl::Status TryReload(const absl::StatusOr<Config>& config);
  // What `config`, which has been tried, lacks: once that is nothing, or after a while.
  std::vector<std::string> WaitForRunners(const Config& config);
  void Take(const Config& config, const Executor::Runners& runners);
  void LogMoves();
  // Has `config` wait for what it lacks.
  void Wait(const Config& config, const std::vector<std::string>& lacks);
  absl::Status CreateHttp();
  absl::Status CreateGrpc();
  // Writes the text of /metrics, with the runners' if wanted.
  void WriteMetrics(absl::AnyInvocable<void(std::string) &&> done) const;
  // For people; empty when ready.
  std::string WhyNotReady() const;

  const Options options_;
  const Config config_;  // As of the start.
  SharedDuration max_timeout_;
  std::string http_address_;
  std::string grpc_address_;

  // In order of construction; for destruction see ~Server.
  std::optional<AccessLog> access_log_;  // Unset if off.
  HealthBoard health_;
  std::mutex health_mutex_;
  std::condition_variable health_changed_;  // Of some runner.
  prometheus::Registry metrics_registry_;
  RequestMetrics metrics_;
  ReloadMetrics reload_metrics_{metrics_registry_};
  std::unique_ptr<GraphMetrics> graph_metrics_;
  Admission admission_;
  Gate gate_;
  const OriginRules origins_;
  std::unique_ptr<WorkerPool> workers_;  // For large replies.
  // For large request bodies. A pool of its own, since its tasks call the executor, whose
  // completions are tasks of workers_.
  std::unique_ptr<WorkerPool> readers_;
  RunnerClients clients_;
  // A config that is not served yet, and what it lacked when that was last logged.
  struct Waiting {
    Config config;
    std::vector<std::string> lacks;
  };
  std::optional<Waiting> waiting_;
  std::vector<std::string> awaits_;             // RunnerClients::Awaits() that was last warned of.
  absl::Time warns_at_ = absl::InfinitePast();  // Not before.
  ReplicaMetrics all_metrics_{metrics_registry_};
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<InferenceHandler> handler_;
  std::unique_ptr<OpenInferenceService> open_inference_;
  MethodRegistry methods_;
  mutable std::mutex pages_mutex_;
  std::shared_ptr<RunnerPages> runner_pages_;  // Null: not wanted. Guarded by pages_mutex_.
  std::vector<std::unique_ptr<HttpHandler>> http_handlers_;
  std::atomic<bool> draining_ = false;
  std::unique_ptr<GrpcFront> grpc_front_;
  std::unique_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<HttpServer> http_server_;
};

}  // namespace chorus::gateway
