#pragma once

// One replica of a runner: its channel, its health, and how many calls are on it.
//
// Thread safety: all methods may be called from any thread.

#include <grpcpp/channel.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "api_server/runners/health_watch.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"

namespace chorus {

class Endpoint {
 public:
  struct Options {
    std::string runner;  // For logs.
    std::string target;  // "host:port" or "unix:/path".
    int max_message_bytes;
    std::function<void()> on_health_change;
  };

  // One call on the endpoint, from choice to end. Must not outlive the endpoint.
  struct EndCall {
    void operator()(Endpoint* endpoint) const { --endpoint->num_calls_; }
  };
  using Lease = std::unique_ptr<Endpoint, EndCall>;

  // Begins to connect.
  explicit Endpoint(Options options);

  Lease BeginCall() {
    ++num_calls_;
    return Lease(this);
  }

  chorus::runner::v1::RunnerService::Stub& stub() { return *stub_; }
  bool healthy() const { return watch_.serving(); }
  int num_calls() const { return num_calls_; }

 private:
  void OnHealthChange(bool serving, const std::string& detail) const;

  const Options options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<chorus::runner::v1::RunnerService::Stub> stub_;
  std::atomic<int> num_calls_ = 0;
  HealthWatch watch_;  // Last: its callback uses the others.
};

}  // namespace chorus
