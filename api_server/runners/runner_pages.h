#pragma once

// Fetches the metrics pages of runners (chorus.runner.v1 GetMetrics), for those who have but one
// page to scrape. An endpoint is taken for one process; one that loads or drains answers too.
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

namespace chorus {

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

  // Waits for what it fetches.
  ~RunnerPages();

  // Asks all runners at once. `done` gets the pages of those that have answered by `deadline`, in
  // the order of runner and replica; on a thread of gRPC's.
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

}  // namespace chorus
