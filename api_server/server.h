#pragma once

// The gateway put together: runner clients, graphs, executor, and its two fronts, HTTP and gRPC.
//
// Shutdown, written here once. Drain():
//   1. reports not ready (/readyz, grpc.health.v1), and serves on for `drain_delay`, so that load
//      balancers can look elsewhere first;
//   2. admits no call any more: 503, UNAVAILABLE;
//   3. stops accepting HTTP connections and lets those open answer what they are at;
//   4. waits for the graph and model calls in progress, until `drain_timeout` after step 2;
//   5. shuts the gRPC server down, which sends GOAWAY and cancels what is left: overdue calls, and
//      streams without an end, such as health watches.
// Destruction then joins and destroys, from the outside in: HTTP server, the readers of its large
// requests, gRPC server, executor (which waits for its runs, cancelled by now), the workers (which
// wrote their large replies), what they called, runner clients.
//
// Thread safety: Reload() and Drain() are called by one thread, which may not be one of the
// server's own; Drain() once.

#include <grpcpp/server.h>
#include <prometheus/registry.h>

#include <atomic>
#include <memory>
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
#include "api_server/front/grpc_front.h"
#include "api_server/front/http_handler.h"
#include "api_server/front/http_server.h"
#include "api_server/front/inference_handler.h"
#include "api_server/front/method_registry.h"
#include "api_server/front/request_metrics.h"
#include "api_server/graph/executor.h"
#include "api_server/graph_metrics.h"
#include "api_server/health_board.h"
#include "api_server/reload_metrics.h"
#include "api_server/replica_metrics.h"
#include "api_server/runners/runner_pages.h"
#include "base/worker_pool.h"

namespace chorus {

class Server {
 public:
  struct Options {
    std::string http_address;  // "host:port"; port 0 takes a free one.
    std::string grpc_address;
    bool reflection = true;
    GrpcConnections grpc;
    int io_threads = 2;
    bool runner_metrics = false;  // Whether /metrics has those of the runners, too.
    absl::Duration drain_delay;
    absl::Duration drain_timeout;
    absl::Duration keep_alive_timeout = absl::Seconds(75);
    bool access_log = true;
  };

  // Listens and serves at once; until its runners are healthy it answers 503. An error names the
  // address that cannot be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options,
                                                       const Config& config);

  // Serves the graphs of `config` in place of those it has; calls in progress end with the graph
  // they began with. An error, a change of anything else, or a node that is now on a runner whose
  // model does something else, leaves all as it is. Either goes into the log and the metrics; so do
  // nodes that have been on such a runner before.
  void Reload(const absl::StatusOr<Config>& config);

  // Cancels what is in progress; Drain() first for an orderly end.
  ~Server();

  // See above. Blocks for drain_delay and at most drain_timeout.
  void Drain();

  // Where it listens, with the ports that were taken.
  const std::string& http_address() const { return http_address_; }
  const std::string& grpc_address() const { return grpc_address_; }

 private:
  Server(const Options& options, const Config& config);

  // Of both fronts.
  FrontRules rules() {
    return {.metrics = metrics_,
            .access_log = access_log_.has_value() ? &*access_log_ : nullptr,
            .max_timeout = config_.limits.max_timeout};
  }

  absl::Status Create();
  absl::Status CreateExecutor();
  absl::Status CreateHttp();
  absl::Status CreateGrpc();
  // The text of /metrics, with those of the runners where they are wanted.
  void WriteMetrics(absl::AnyInvocable<void(std::string) &&> done) const;
  // For people; empty when ready.
  std::string WhyNotReady() const;
  // FAILED_PRECONDITION says which nodes of `graphs` have a model that does something else, and
  // have it not now.
  absl::Status CheckModels(const Executor::Graphs& graphs) const;

  const Options options_;
  const Config config_;  // Of the start: its graphs may be replaced.
  std::string http_address_;
  std::string grpc_address_;

  // In the order they are made; ~Server says in which they go.
  std::optional<AccessLog> access_log_;  // None where it is not wanted.
  HealthBoard health_;
  prometheus::Registry metrics_registry_;
  RequestMetrics metrics_;
  ReloadMetrics reload_metrics_{metrics_registry_};
  std::unique_ptr<GraphMetrics> graph_metrics_;
  Admission admission_;
  std::unique_ptr<WorkerPool> workers_;  // What the fronts' and the runners' threads leave to it.
  // The same for large bodies of requests: a pool apart, for its tasks call the executor, whose
  // completions are tasks of the other.
  std::unique_ptr<WorkerPool> readers_;
  Executor::Runners runners_;
  ReplicaMetrics all_metrics_{metrics_registry_, runners_};
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<InferenceHandler> handler_;
  MethodRegistry methods_;
  std::unique_ptr<RunnerPages> runner_pages_;  // Null: not wanted.
  std::vector<std::unique_ptr<HttpHandler>> http_handlers_;
  std::atomic<bool> draining_ = false;
  std::unique_ptr<GrpcFront> grpc_front_;
  std::unique_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<HttpServer> http_server_;
};

}  // namespace chorus
