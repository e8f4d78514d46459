#include "runner_server/served_model.h"

#include <algorithm>
#include <utility>

namespace chorus::runner {

ServedModel::ServedModel(RunnerService& service, RunnerMetrics& metrics)
    : service_(service), metrics_(metrics) {
  metrics_.SetLoad([this] { return load(); });
}

ServedModel::~ServedModel() { metrics_.SetLoad(nullptr); }

bool ServedModel::Serve(std::unique_ptr<ModelHost> host) {
  Engine& engine = host->engine();
  Engine* before = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (draining_) return false;
    before_ = std::exchange(current_, std::move(host));
    if (before_ != nullptr) before = &before_->engine();
  }
  metrics_.SetVersion(engine.info().version());
  service_.SetEngine(engine);
  if (before != nullptr) before->Drain(absl::InfiniteFuture());
  return true;
}

void ServedModel::EndBefore() {
  if (before_ == nullptr) return;  // Only this thread changes it.
  before_->engine().Join();
  std::unique_ptr<ModelHost> ended;
  {
    const std::lock_guard lock(mutex_);
    ended = std::move(before_);
  }
  before_ended_.notify_all();
}

void ServedModel::Drain(absl::Time until) {
  Engine* current = nullptr;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    if (before_ != nullptr) before_->engine().Drain(until);
    if (current_ == nullptr) return;
    current = &current_->engine();
    current->Drain(until);
  }
  current->Join();
  std::unique_lock lock(mutex_);
  before_ended_.wait(lock, [this] { return before_ == nullptr; });
}

runner::v1::GetModelInfoResponse ServedModel::info() const {
  const std::lock_guard lock(mutex_);
  return current_ == nullptr ? runner::v1::GetModelInfoResponse() : current_->engine().info();
}

runner::v1::GetLoadResponse ServedModel::load() const {
  const std::lock_guard lock(mutex_);
  runner::v1::GetLoadResponse sum;
  for (const std::unique_ptr<ModelHost>* host : {&current_, &before_}) {
    if (*host == nullptr) continue;
    const runner::v1::GetLoadResponse load = (*host)->engine().load();
    sum.set_running_sequences(sum.running_sequences() + load.running_sequences());
    sum.set_queued_sequences(sum.queued_sequences() + load.queued_sequences());
    sum.set_queued_tokens(sum.queued_tokens() + load.queued_tokens());
    // Each has a cache of its own.
    sum.set_kv_cache_used_ratio(std::max(sum.kv_cache_used_ratio(), load.kv_cache_used_ratio()));
    // Both run on one device.
    sum.set_device_memory_bytes(load.device_memory_bytes());
    sum.set_device_memory_used_bytes(load.device_memory_used_bytes());
    sum.set_device_recordings(sum.device_recordings() + load.device_recordings());
  }
  return sum;
}

}  // namespace chorus::runner
