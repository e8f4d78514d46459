#include "api_server/health_board.h"

#include <grpcpp/health_check_service_interface.h>

namespace chorus {

void HealthBoard::Attach(const Executor::Runners& runners,
                         grpc::HealthCheckServiceInterface& service) {
  std::lock_guard lock(mutex_);
  runners_ = &runners;
  service_ = &service;
  service_->SetServingStatus("liveness", true);
  UpdateLocked();
}

void HealthBoard::Detach() {
  std::lock_guard lock(mutex_);
  runners_ = nullptr;
  service_ = nullptr;
}

void HealthBoard::Update() {
  std::lock_guard lock(mutex_);
  UpdateLocked();
}

void HealthBoard::SetDraining() {
  std::lock_guard lock(mutex_);
  draining_ = true;
  UpdateLocked();
}

// Each time from the runners themselves, under the lock: of two changes at once, the later update
// sees both.
void HealthBoard::UpdateLocked() {
  if (service_ == nullptr) return;
  bool ready = !draining_;
  for (const auto& [name, runner] : *runners_) {
    const bool healthy = runner->healthy();
    ready = ready && healthy;
    service_->SetServingStatus(name, healthy);
  }
  service_->SetServingStatus("readiness", ready);
  service_->SetServingStatus("", ready);
}

}  // namespace chorus
