#pragma once

// The replicas of one runner; chooses one for each call.
//
// An endpoint with a host name stands for all addresses of the name, which is resolved again every
// two seconds. A name that cannot be resolved keeps those of its replicas that serve.
//
// A replica is healthy while its grpc.health.v1 Watch says SERVING and it is not ejected. At most
// half of the replicas are ejected; if all that serve are, one of them is chosen nevertheless. A
// replica whose queue is full (backpressure.h) is not chosen for calls that would wait in it.
//
// Thread safety: SetEndpoints by one thread; all other methods may be called from any thread.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api_server/graph/runner_client.h"
#include "api_server/runners/endpoint.h"
#include "api_server/runners/endpoint_address.h"
#include "api_server/runners/endpoint_moves.h"
#include "api_server/runners/retry_budget.h"

namespace chorus::gateway {

class ReplicaSet {
 public:
  using Resolve =
      std::function<absl::StatusOr<std::vector<std::string>>(const std::string& endpoint)>;

  struct Options {
    std::string runner;                  // For logs.
    std::vector<std::string> endpoints;  // "host:port" or "unix:/path" of each replica.
    int max_message_bytes;
    ModelTask task = ModelTask::kUnknown;  // That the model must have; unknown: any.
    // Called when a replica comes, goes, or changes its health. Must not block.
    std::function<void()> on_health_change;
    Resolve resolve = ResolveEndpoint;  // For endpoints with HasHostName().
    absl::Duration resolve_period = absl::Seconds(2);
  };

  // What a call asks of a replica.
  struct Work {
    ModelTask task = ModelTask::kUnknown;
    int64_t tokens = 0;  // About.
    bool waits = false;  // In the queue of newcomers.
  };

  // Begins to resolve and to connect.
  explicit ReplicaSet(Options options);

  // No lease may be left.
  ~ReplicaSet();

  // Replaces the endpoints. The replicas of those that are no longer listed get no new calls, and
  // are gone when the calls they have are over. But one stays for each endpoint that is new until
  // that serves a model for `task`, and one while none of those listed does: who takes calls is
  // replaced, and never missing. If it never does, the old one stays.
  void SetEndpoints(const std::vector<std::string>& endpoints,
                    ModelTask task = ModelTask::kUnknown);

  // Begins a call on a healthy replica (replica_choice.h) other than `except`. Replicas whose model
  // has another task are chosen only if there are no others. UNAVAILABLE, with the reason, if none
  // is healthy; RESOURCE_EXHAUSTED if the queues of all that are healthy are full.
  absl::StatusOr<Endpoint::Lease> Choose(const Work& work, const Endpoint* except = nullptr);

  // The RESOURCE_EXHAUSTED that Choose() would return now; it counts as if it had been.
  absl::Status CheckRoom(const Work& work);

  // Reports the end of a call; failures in a row eject the replica.
  void Report(Endpoint& endpoint, const absl::Status& outcome);

  // Whether the retry budget allows a retry, which then counts.
  bool TakeRetry();

  // As RunnerClient's.
  RunnerStatus status() const;
  bool healthy() const;
  bool suits(ModelTask task) const;

 private:
  struct Replica {
    std::string source;  // The endpoint it is of.
    std::unique_ptr<Endpoint> endpoint;
  };

  void RunResolver(const std::stop_token& stop);  // The thread's.
  void ResolveAll();
  // Sets the addresses of `source`; returns whether anything changed.
  bool Update(const std::string& source, const std::vector<std::string>& addresses);
  bool IsKnownLocked(const std::string& address) const;
  // `source` could not be resolved; drops its replicas that do not serve.
  bool KeepServing(const std::string& source, const absl::Status& why);
  // Retires the replicas for which `gone` holds: no new calls, destroyed when idle.
  template <typename Predicate>
  bool RetireLocked(Predicate gone);
  // Whether the endpoint has a replica that serves a model for task_.
  bool ServesLocked(const std::string& source) const;
  // Lets those leave that need not stay for others; returns whether anything changed.
  bool MoveOnLocked();
  // Also destroys the replicas that have left and have no calls. Whether there is more to come.
  bool MoveOn();
  bool SuitsLocked(ModelTask task) const;
  // Those that Choose() chooses from, and its errors.
  absl::StatusOr<std::vector<Endpoint*>> CandidatesLocked(const Work& work, const Endpoint* except,
                                                          absl::Time now);
  std::unique_ptr<Endpoint> MakeEndpoint(const std::string& address) const;

  const Options options_;
  RetryBudget budget_;

  mutable std::mutex mutex_;
  EndpointMoves moves_;  // Guarded by mutex_, as the following.
  ModelTask task_;
  std::vector<Replica> replicas_;
  std::vector<std::unique_ptr<Endpoint>> retired_;  // Still have calls.
  absl::Status resolved_;                           // Why the last name could not be.
  int64_t num_retries_ = 0;
  int64_t num_refusals_ = 0;

  bool woken_ = false;

  std::condition_variable_any wake_;
  std::jthread resolver_;  // Not started without host names, before SetEndpoints.
};

}  // namespace chorus::gateway
