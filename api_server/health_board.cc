#include "api_server/health_board.h"

#include <glog/logging.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <utility>

namespace chorus::gateway {

void HealthBoard::Attach(const Executor& executor, const Executor::Runners& runners,
                         std::vector<std::string> services,
                         grpc::HealthCheckServiceInterface& service) {
  std::lock_guard lock(mutex_);
  executor_ = &executor;
  runners_ = runners;
  services_ = std::move(services);
  service_ = &service;
  service_->SetServingStatus("liveness", true);
  UpdateLocked();
}

void HealthBoard::Detach() {
  std::lock_guard lock(mutex_);
  executor_ = nullptr;
  runners_.clear();
  service_ = nullptr;
}

void HealthBoard::SetRunners(const Executor::Runners& runners) {
  std::lock_guard lock(mutex_);
  if (service_ == nullptr) return;
  for (const auto& [name, runner] : runners_) {
    if (!runners.contains(name)) service_->SetServingStatus(name, false);
  }
  runners_ = runners;
  UpdateLocked();
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
  for (const auto& [name, runner] : runners_) {
    const bool healthy = runner->healthy();
    ready = ready && healthy;
    service_->SetServingStatus(name, healthy);
  }
  Note("not ready: ", executor_->WrongModels(), wrong_models_);
  Note("", executor_->WrongReplicas(), wrong_replicas_);
  ready = ready && wrong_models_.empty();
  service_->SetServingStatus("readiness", ready);
  service_->SetServingStatus("", ready);
  for (const std::string& name : services_) service_->SetServingStatus(name, ready);
}

void HealthBoard::Note(const char* words, std::vector<std::string> now,
                       std::vector<std::string>& before) {
  const auto has = [](const std::vector<std::string>& sentences, const std::string& sentence) {
    return std::binary_search(sentences.begin(), sentences.end(), sentence);
  };
  for (const std::string& sentence : now) {
    if (!has(before, sentence)) LOG(ERROR) << words << sentence;
  }
  for (const std::string& sentence : before) {
    if (!has(now, sentence)) LOG(INFO) << "no longer so: " << sentence;
  }
  before = std::move(now);
}

}  // namespace chorus::gateway
