#pragma once

// The replicas of one runner, and which of them a call goes to.
//
// An endpoint with a host name stands for all the addresses that the name has. It is resolved again
// every two seconds, so replicas come and go without a restart. A name that cannot be resolved
// keeps those of its replicas that serve.
//
// A replica is healthy while its grpc.health.v1 Watch says SERVING, and it is not ejected. Never
// more than half of the replicas are ejected, and where all that serve are, one of them is chosen
// all the same.
//
// Thread safety: all methods may be called from any thread.

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
#include "api_server/runners/endpoint.h"
#include "api_server/runners/endpoint_address.h"
#include "api_server/runners/retry_budget.h"
#include "api_server/runners/runner_client.h"

namespace chorus {

class ReplicaSet {
 public:
  using Resolve =
      std::function<absl::StatusOr<std::vector<std::string>>(const std::string& endpoint)>;

  struct Options {
    std::string runner;                  // For logs.
    std::vector<std::string> endpoints;  // "host:port" or "unix:/path" of each replica.
    int max_message_bytes;
    // Told whenever a replica's health has changed, or it came or went; must not block.
    std::function<void()> on_health_change;
    Resolve resolve = ResolveEndpoint;  // What HasHostName() is resolved with.
    absl::Duration resolve_period = absl::Seconds(2);
  };

  // Begins to resolve and to connect.
  explicit ReplicaSet(Options options);

  // There is no lease any more.
  ~ReplicaSet();

  // A call for `task` that will work on about so many tokens, on the less loaded of two healthy
  // replicas taken at random, but not on `except`. Replicas whose model does something else are
  // chosen only where there are no others. None when there is no such replica.
  Endpoint::Lease Choose(ModelTask task, int64_t tokens, const Endpoint* except = nullptr);

  // UNAVAILABLE, with why there is none to choose.
  absl::Status NoneHealthy() const;

  // How a call on `endpoint` has ended: failures in a row eject it.
  void Report(Endpoint& endpoint, const absl::Status& outcome);

  // Whether a call may be tried again at another replica.
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

  void ResolveAll();
  // Makes the addresses of `source` those, and returns whether anything changed.
  bool Update(const std::string& source, const std::vector<std::string>& addresses);
  // `source` cannot be resolved.
  bool KeepServing(const std::string& source, const absl::Status& why);
  // Those for which `gone` holds get no call any more, and are destroyed when they have none.
  template <typename Predicate>
  bool RetireLocked(Predicate gone);
  void DestroyIdle();
  bool SuitsLocked(ModelTask task) const;
  std::unique_ptr<Endpoint> MakeEndpoint(const std::string& address) const;

  const Options options_;
  RetryBudget budget_;

  mutable std::mutex mutex_;
  std::vector<Replica> replicas_;                   // Guarded by mutex_, as the following.
  std::vector<std::unique_ptr<Endpoint>> retired_;  // Have calls yet.
  absl::Status resolved_;                           // Why the last name could not be.
  int64_t num_retries_ = 0;

  std::condition_variable_any stopped_;
  std::jthread resolver_;  // Not started where no endpoint has a host name.
};

}  // namespace chorus
