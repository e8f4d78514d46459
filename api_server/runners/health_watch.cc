#include "api_server/runners/health_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace chorus::gateway {

using grpc::health::v1::HealthCheckResponse;

HealthWatch::HealthWatch(const std::shared_ptr<grpc::Channel>& channel, Options options,
                         OnChange on_change)
    : options_(std::move(options)),
      on_change_(std::move(on_change)),
      stub_(grpc::health::v1::Health::NewStub(channel)),
      backoff_(options_.min_backoff) {
  request_.set_service(options_.service);
  std::lock_guard lock(mutex_);
  Call();
}

HealthWatch::~HealthWatch() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  context_->TryCancel();
  if (alarm_.has_value()) alarm_->Cancel();
  stopped_changed_.wait(lock, [this] { return stopped_; });
}

// Under mutex_; gRPC never reacts inline.
void HealthWatch::Call() {
  context_.emplace();
  // The channel connects, and connects again, at its own pace; the call waits for it.
  context_->set_wait_for_ready(true);
  stub_->async()->Watch(&*context_, &request_, this);
  StartRead(&response_);
  StartCall();
}

void HealthWatch::OnReadDone(bool ok) {
  if (!ok) return;
  backoff_ = options_.min_backoff;
  SetServing(response_.status() == HealthCheckResponse::SERVING,
             HealthCheckResponse::ServingStatus_Name(response_.status()));
  StartRead(&response_);
}

void HealthWatch::OnDone(const grpc::Status& status) {
  if (StopIfAsked()) return;
  SetServing(false, absl::StrCat("health watch ended: ", status.error_message()));
  std::lock_guard lock(mutex_);
  if (StopIfAskedLocked()) return;
  const absl::Time next = absl::Now() + backoff_;
  backoff_ = std::min(backoff_ * 2, options_.max_backoff);
  alarm_.emplace();
  alarm_->Set(absl::ToChronoTime(next), [this](bool) {
    std::lock_guard lock(mutex_);
    if (!StopIfAskedLocked()) Call();
  });
}

bool HealthWatch::StopIfAsked() {
  std::lock_guard lock(mutex_);
  return StopIfAskedLocked();
}

bool HealthWatch::StopIfAskedLocked() {
  if (!stopping_) return false;
  stopped_ = true;
  stopped_changed_.notify_all();  // Under the lock: the destructor goes on once it is free.
  return true;
}

void HealthWatch::SetServing(bool serving, const std::string& detail) {
  if (serving_.exchange(serving) != serving) on_change_(serving, detail);
}

}  // namespace chorus::gateway
