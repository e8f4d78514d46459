#pragma once

// Watches the health of one gRPC server (grpc.health.v1 Watch), across crashes, restarts and lost
// connections.
//
// gRPC's client-side health checking has no effect under pick_first, hence this class.
//
// Thread safety: serving() from any thread. The callback runs on gRPC's threads, one at a time.

#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"

namespace chorus::gateway {

class HealthWatch : private grpc::ClientReadReactor<grpc::health::v1::HealthCheckResponse> {
 public:
  struct Options {
    std::string service;  // Empty: the server as a whole.
    // Between two Watch calls; doubles while they bring nothing.
    absl::Duration min_backoff = absl::Milliseconds(50);
    absl::Duration max_backoff = absl::Seconds(1);
  };

  // Called for every change of serving(), which starts as false; `detail` is the server's or gRPC's
  // reason. Must neither block nor destroy the watch.
  using OnChange = std::function<void(bool serving, const std::string& detail)>;

  HealthWatch(const std::shared_ptr<grpc::Channel>& channel, Options options, OnChange on_change);

  // Ends the call and waits for it; no callback runs afterwards.
  ~HealthWatch() override;

  bool serving() const { return serving_; }

 private:
  void Call();
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  // True if the destructor waits; wakes it.
  bool StopIfAsked();
  bool StopIfAskedLocked();
  void SetServing(bool serving, const std::string& detail);

  const Options options_;
  const OnChange on_change_;
  const std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
  grpc::health::v1::HealthCheckRequest request_;
  std::atomic<bool> serving_ = false;

  // The current call's; its reactions run one at a time.
  grpc::health::v1::HealthCheckResponse response_;
  absl::Duration backoff_;

  std::mutex mutex_;
  std::condition_variable stopped_changed_;
  bool stopping_ = false;  // Guarded by mutex_, as the following.
  bool stopped_ = false;   // No call or alarm is or will be active.
  std::optional<grpc::ClientContext> context_;
  std::optional<grpc::Alarm> alarm_;
};

}  // namespace chorus::gateway
