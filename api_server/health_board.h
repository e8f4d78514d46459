#pragma once

// Keeps the gateway's grpc.health.v1 statuses in step with its runners:
//   ""           as readiness
//   "liveness"   SERVING as long as the process can say so
//   "readiness"  SERVING when every runner has a healthy replica and the server is not draining
//   NAME         of each runner: SERVING when it has a healthy replica
//
// Thread safety: all methods may be called from any thread.

#include <mutex>

#include "api_server/graph/executor.h"

namespace grpc {
class HealthCheckServiceInterface;
}

namespace chorus {

class HealthBoard {
 public:
  // Begins to report on `runners` to `service`; both are borrowed until Detach().
  void Attach(const Executor::Runners& runners, grpc::HealthCheckServiceInterface& service);
  void Detach();

  // A runner's health may have changed. Does nothing before Attach and after Detach.
  void Update();

  // Not ready from now on.
  void SetDraining();

 private:
  void UpdateLocked();

  std::mutex mutex_;
  const Executor::Runners* runners_ = nullptr;  // Guarded by mutex_, as the following.
  grpc::HealthCheckServiceInterface* service_ = nullptr;
  bool draining_ = false;
};

}  // namespace chorus
