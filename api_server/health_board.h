#pragma once

// Derives the gateway's grpc.health.v1 statuses from its runners':
//   ""           as readiness
//   "liveness"   always SERVING
//   "readiness"  SERVING when every runner has a healthy replica whose model has the task that the
//                graphs need, and the server is not draining
//   SERVICE      of each that the gateway serves, such as "chorus.v1.InferenceService": as
//   readiness NAME         of each runner: SERVING when it has a healthy replica
// Models with another task, of all replicas of a runner or of one, are logged when they are found,
// and when they are gone.
//
// Thread safety: all methods may be called from any thread.

#include <mutex>
#include <string>
#include <vector>

#include "api_server/graph/executor.h"

namespace grpc {
class HealthCheckServiceInterface;
}

namespace chorus::gateway {

class HealthBoard {
 public:
  // Begins to report on `runners`, which are `executor`'s, and on the services of these full names,
  // to `service`; all must live until Detach(), the runners too.
  void Attach(const Executor& executor, const Executor::Runners& runners,
              std::vector<std::string> services, grpc::HealthCheckServiceInterface& service);
  void Detach();

  // The executor's runners are these from now on.
  void SetRunners(const Executor::Runners& runners);

  // Call when a runner's health or the graphs may have changed. No effect before Attach and after
  // Detach.
  void Update();

  // Reports not ready from now on.
  void SetDraining();

 private:
  void UpdateLocked();
  // Logs what `now` has and `before` has not, as `words`, and the reverse; then they are the same.
  static void Note(const char* words, std::vector<std::string> now,
                   std::vector<std::string>& before);

  std::mutex mutex_;
  const Executor* executor_ = nullptr;  // Guarded by mutex_, as the following.
  Executor::Runners runners_;
  std::vector<std::string> services_;
  std::vector<std::string> wrong_models_, wrong_replicas_;
  grpc::HealthCheckServiceInterface* service_ = nullptr;
  bool draining_ = false;
};

}  // namespace chorus::gateway
