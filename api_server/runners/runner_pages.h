#pragma once

// Fetches the metrics pages of runners (chorus.runner.v1 GetMetrics), to serve all on one page.
// Each endpoint is taken as one process; it answers while it loads or drains too.
//
// Thread safety: all methods may be called from any thread.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/in_flight.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"

namespace chorus::gateway {

class RunnerPages {
 public:
  struct Page {
    std::string runner;
    int replica = 0;   // Index of its endpoint among the runner's.
    std::string text;  // Prometheus' text format.
  };
  using Done = absl::AnyInvocable<void(std::vector<Page>) &&>;

  // `endpoints` by runner, "host:port" or "unix:/path"; there is at least one.
  explicit RunnerPages(const std::map<std::string, std::vector<std::string>>& endpoints);

  // Waits for pending fetches.
  ~RunnerPages();

  // Asks all runners concurrently. `done` gets the pages of those that answered by `deadline`, by
  // runner and replica, on a gRPC thread.
  void Fetch(absl::Time deadline, Done done);

 private:
  struct Source {
    std::string runner;
    int replica;
    std::unique_ptr<runner::v1::RunnerService::Stub> stub;
  };
  struct Fetching;

  std::vector<Source> sources_;
  InFlight in_flight_;
};

}  // namespace chorus::gateway
