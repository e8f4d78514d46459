#pragma once

// Keeps the gateway's grpc.health.v1 statuses in step with its runners:
//   ""           as readiness
//   "liveness"   SERVING as long as the process can say so
//   "readiness"  SERVING when every runner has a healthy replica, with a model that does what the
//                graphs ask of it, and the server is not draining
//   "chorus.v1.InferenceService"  as readiness
//   NAME         of each runner: SERVING when it has a healthy replica
// Models that do something else go into the log the moment they are known, and when they are gone.
//
// Thread safety: all methods may be called from any thread.

#include <mutex>
#include <string>
#include <vector>

#include "api_server/graph/executor.h"

namespace grpc {
class HealthCheckServiceInterface;
}

namespace chorus {

class HealthBoard {
 public:
  // Begins to report on `runners`, which are `executor`'s, to `service`; all are borrowed until
  // Detach().
  void Attach(const Executor& executor, const Executor::Runners& runners,
              grpc::HealthCheckServiceInterface& service);
  void Detach();

  // A runner's health, or the graphs, may have changed. Does nothing before Attach and after
  // Detach.
  void Update();

  // Not ready from now on.
  void SetDraining();

 private:
  void UpdateLocked();
  // Takes note of the wrong models there are now.
  void NoteLocked(std::vector<std::string> wrong_models);

  std::mutex mutex_;
  const Executor* executor_ = nullptr;  // Guarded by mutex_, as the following.
  const Executor::Runners* runners_ = nullptr;
  std::vector<std::string> wrong_models_;
  grpc::HealthCheckServiceInterface* service_ = nullptr;
  bool draining_ = false;
};

}  // namespace chorus
