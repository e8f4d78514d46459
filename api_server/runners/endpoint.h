#pragma once

// One replica of a runner: its channel, health, model, and load.
//
// When its health turns to SERVING it is asked for its model (GetModelInfo), which may have
// changed, and is serving() once it has answered. If the call fails it is serving() with an unknown
// model.
//
// Thread safety: all methods may be called from any thread.

#include <grpcpp/channel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "api_server/graph/runner_client.h"
#include "api_server/runners/backpressure.h"
#include "api_server/runners/ejection.h"
#include "api_server/runners/health_watch.h"
#include "base/in_flight.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"

namespace chorus::gateway {

class Endpoint {
 public:
  struct Options {
    std::string runner;   // For logs.
    std::string address;  // "host:port" or "unix:/path".
    int max_message_bytes;
    std::function<void()> on_health_change;
  };

  // Holds one call's share of the endpoint's load. Must not outlive the endpoint.
  //
  // Thread safety: none.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : endpoint_(std::exchange(other.endpoint_, nullptr)),
          tokens_(other.tokens_),
          waits_(other.waits_) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(endpoint_, other.endpoint_);
      std::swap(tokens_, other.tokens_);
      std::swap(waits_, other.waits_);
      return *this;
    }
    ~Lease() {
      if (endpoint_ == nullptr) return;
      OnBegun();
      endpoint_->num_tokens_ -= tokens_;
      --endpoint_->num_calls_;  // Last: the endpoint may go now.
    }

    Endpoint* get() const { return endpoint_; }
    Endpoint* operator->() const { return endpoint_; }

    // `tokens` of the call are done.
    void Spend(int64_t tokens) {
      OnBegun();
      const int64_t spent = std::min(tokens, tokens_);
      tokens_ -= spent;
      endpoint_->num_tokens_ -= spent;
    }

    // The call waits no more.
    void OnBegun() {
      if (std::exchange(waits_, false)) endpoint_->backpressure_.OnLeave();
    }

    // The call has ended with RESOURCE_EXHAUSTED: if it was waiting, for want of room.
    void OnExhausted(absl::Time now) {
      if (std::exchange(waits_, false)) endpoint_->backpressure_.OnRefused(tokens_, now);
    }

   private:
    friend class Endpoint;
    Lease(Endpoint* endpoint, int64_t tokens, bool waits)
        : endpoint_(endpoint), tokens_(tokens), waits_(waits) {
      ++endpoint_->num_calls_;
      endpoint_->num_tokens_ += tokens_;
      if (waits_) endpoint_->backpressure_.OnBegin();
    }

    Endpoint* endpoint_;  // Null: moved from.
    int64_t tokens_;      // Still to do.
    bool waits_;          // As Backpressure counts.
  };

  // Begins to connect.
  explicit Endpoint(Options options);

  // No lease may be left. No callback runs afterwards.
  ~Endpoint();

  // `tokens`: an estimate of the call's work. `waits`: whether it waits in the queue, as a
  // newcomer.
  Lease BeginCall(int64_t tokens, bool waits) { return Lease(this, tokens, waits); }

  chorus::runner::v1::RunnerService::Stub& stub() { return *stub_; }
  const std::string& address() const { return options_.address; }
  bool serving() const { return serving_; }
  ModelKind model() const;
  bool suits(ModelTask task) const;  // As the model's.
  bool serves(ModelTask task) const { return serving() && suits(task); }
  int num_calls() const { return num_calls_; }
  int64_t num_tokens() const { return num_tokens_; }  // Of its calls, still to do.
  Ejection& ejection() { return ejection_; }
  const Ejection& ejection() const { return ejection_; }
  const Backpressure& backpressure() const { return backpressure_; }

 private:
  // A call of GetModelInfo.
  struct Question;

  void OnHealthChange(bool healthy, const std::string& detail);
  void AskForModel();
  void DropQuestionLocked();
  void OnAnswer(const Question& question, const grpc::Status& status);
  void Tell(bool serving, const std::string& detail) const;

  const Options options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<chorus::runner::v1::RunnerService::Stub> stub_;
  std::atomic<int> num_calls_ = 0;
  std::atomic<int64_t> num_tokens_ = 0;
  Ejection ejection_;
  Backpressure backpressure_;
  std::atomic<bool> serving_ = false;  // Written under mutex_.

  mutable std::mutex mutex_;
  bool closing_ = false;                // Guarded by mutex_, as the following.
  std::shared_ptr<Question> question_;  // Null: none is pending.
  ModelKind model_;

  InFlight questions_;
  HealthWatch watch_;  // Last: its callback uses the others.
};

}  // namespace chorus::gateway
