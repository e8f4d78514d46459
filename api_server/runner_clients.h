#pragma once

// The clients of a gateway's runners: of those that are served, of those that were, since calls may
// still use them, and of those that a changed config would serve.
//
// Of a config that is not served yet, a runner that is new is connected, so that it is known
// whether it serves, and what. A runner that is served is left alone, unless it cannot do what the
// config asks of it: then it is connected to the config's endpoints too, beside its own.
//
// Thread safety: none.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api_server/config.h"
#include "api_server/graph/executor.h"
#include "api_server/runners/grpc_runner_client.h"
#include "base/worker_pool.h"

namespace chorus::gateway {

class RunnerClients {
 public:
  // As GrpcRunnerClient's.
  RunnerClients(WorkerPool& workers, std::function<void()> on_health_change);

  // Connects as said above. The runners of `config`; what is served goes on as it is. Call it again
  // while it is waited for. INVALID_ARGUMENT for a malformed endpoint of a new runner, or none.
  absl::StatusOr<Executor::Runners> Try(const Config& config);

  // What keeps `config`, which has been tried, from being served, and what is served not: nodes and
  // new runners without a replica that serves, or with a model for another task. A sentence each,
  // sorted.
  std::vector<std::string> Lacks(const Config& config) const;

  // The runners of `config`, which has been tried, are served from now on, at its endpoints: those
  // that work move to them as these serve.
  void Serve(const Config& config);

  // Which endpoints of what is served have not served yet, since they came by Serve(), and who
  // takes the calls. A sentence for each runner, sorted.
  std::vector<std::string> Awaits() const;

  // Gives up what has been tried and is not served.
  void Release();

  // All clients; without what is tried those that are served, or once were.
  Executor::Runners all() const;

 private:
  // What a config asks of a runner.
  struct Need {
    std::vector<std::string> endpoints;
    ModelTask task = ModelTask::kUnknown;  // Of its graphs' nodes.

    friend bool operator==(const Need&, const Need&) = default;
  };
  struct Entry {
    std::shared_ptr<GrpcRunnerClient> client;
    Need now;                    // What the client has been told.
    std::optional<Need> served;  // Unset: it is not served.
    bool was_served = false;
  };

  static std::map<std::string, Need> NeedsOf(const Config& config);
  static void Tell(Entry& entry, const Need& need);

  WorkerPool& workers_;
  const std::function<void()> on_health_change_;
  std::map<std::string, Entry> entries_;
  Executor::Graphs graphs_;  // That are served.
};

}  // namespace chorus::gateway
