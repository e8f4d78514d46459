#pragma once

// The engine that runs a Stepper: a queue and two threads.
//
//   Submit ─▶ calls ─▶ tokenizer thread: Prepare ─▶ arrivals ─▶ engine thread: Add, Step, Add …
//
// The engine thread sleeps only while there is no work; every step takes in what has arrived
// meanwhile.
//
// Shutdown order: no more calls → the tokenizer thread passes on its calls and ends → the engine
// thread finishes them, or fails them once the drain's time is over, and ends.
//
// Thread safety: as Engine; Submit may be called from any thread.
//
// A Stepper owns the model. It must offer:
//   Request, Callbacks;   // Of Callbacks `on_done` takes an error too, the others may stay unset.
//   Call;                 // EngineCall<Request, Callbacks>.
//   Arrival;              // A call, tokenised.
//   string_view kWhat;    // As Engine::what().
//   bool kManyTexts;      // Whether a call may have many.
//   Request WarmUpRequest();
//
//   // By any thread:
//   Status Check(Request);        // What is wrong with a request, at first sight.
//   int NumSequences(Request);    // That wait for it.
//   const Tokenizer& tokenizer();
//   void FillInfo(GetModelInfoResponse&);
//   void FillLoad(GetLoadResponse&);
//
//   // By the tokenizer thread:
//   StatusOr<Arrival> Prepare(Call&);  // Adds its tokens to its ticket. Takes nothing if it fails
//                                      // or throws bad_alloc.
//
//   // By the engine thread:
//   void Add(Arrival);                 // Makes HasWork() true.
//   bool HasWork();
//   void set_num_threads(int);         // Of the steps that follow.
//   void Step(Time now);               // One forward pass; gets nearer to !HasWork().
//   void FailAll(Status);              // Makes HasWork() false.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "runner_server/engine/core_lease.h"
#include "runner_server/engine/engine.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/engine/mailbox.h"
#include "runner_server/model/device.h"
#include "runner_server/scheduler/queue_budget.h"
#include "runner_server/scheduler/still_wanted.h"

namespace chorus::runner {

// Of a LanguageModel or SequenceEncoder.
chorus::v1::Bits BitsOf(const auto& model) {
  return model.batch_invariant() ? chorus::v1::BITS_PER_REQUEST : chorus::v1::BITS_PER_BATCH_SHAPE;
}

inline void FillDevice(const DeviceStats& device, runner::v1::GetLoadResponse& load) {
  load.set_device_memory_bytes(device.memory_bytes);
  load.set_device_memory_used_bytes(device.used_memory_bytes);
  load.set_device_recordings(device.num_recordings);
}

// An accepted call.
template <typename Request, typename Callbacks>
struct EngineCall {
  Request request;
  Callbacks callbacks;
  absl::Time deadline = absl::InfiniteFuture();
  std::stop_token stop;
  absl::Time arrived_at = absl::InfiniteFuture();  // Set by Submit.
  QueueBudget::Ticket ticket;

  // CANCELLED or DEADLINE_EXCEEDED once nobody waits for it.
  absl::Status CheckStillWanted() const {
    return runner::CheckStillWanted(stop, deadline, absl::Now());
  }
};

template <typename Stepper>
class EngineOf final : public Engine {
 public:
  // Starts the threads. `observer` must outlive the engine.
  EngineOf(std::unique_ptr<Stepper> stepper, EngineObserver& observer, const Options& options)
      : observer_(observer),
        info_(options.info),
        core_lease_(options.core_lease),
        budget_(ForOthersToo(options.queue)),
        stepper_(std::move(stepper)) {
    stepper_->FillInfo(info_);
    tokenizer_thread_ = std::thread([this] { TokenizerLoop(); });
    engine_thread_ = std::thread([this] { EngineLoop(); });
  }

  ~EngineOf() override {
    Drain(absl::InfinitePast());
    Join();
  }

  // Accepts a call; Stepper::Callbacks says how they are called. Never blocks. After an error no
  // callback is called:
  // * INVALID_ARGUMENT: a parameter is out of range; the message names it.
  // * RESOURCE_EXHAUSTED: too much waits already.
  // * UNAVAILABLE: draining.
  // * CANCELLED, DEADLINE_EXCEEDED: it comes too late. The same codes may reach `on_done` later.
  //   Deadline and `stop` are checked before a text is tokenised and before each step.
  absl::Status Submit(typename Stepper::Request request, absl::Time deadline, std::stop_token stop,
                      typename Stepper::Callbacks callbacks) {
    RETURN_IF_ERROR(stepper_->Check(request));
    Call call = {.request = std::move(request),
                 .callbacks = std::move(callbacks),
                 .deadline = deadline,
                 .stop = std::move(stop),
                 .arrived_at = absl::Now()};
    RETURN_IF_ERROR(Count(call.CheckStillWanted(), RejectReason::kQueue));
    absl::StatusOr<QueueBudget::Ticket> ticket =
        budget_.Enter(Stepper::NumSequences(call.request), call.request.underway());
    RETURN_IF_ERROR(Count(ticket.status(), RejectReason::kQueue));
    call.ticket = *std::move(ticket);
    if (calls_.TryPush(call)) return absl::OkStatus();
    observer_.OnRejected(RejectReason::kDraining);
    return ShuttingDown();
  }

  absl::Status WarmUp() override {
    Mailbox<absl::Status> ended;
    typename Stepper::Callbacks callbacks;
    callbacks.on_done = [&ended](const auto& result) {
      absl::Status status = result.status();
      ended.TryPush(status);
    };
    RETURN_IF_ERROR(Submit(Stepper::WarmUpRequest(), absl::InfiniteFuture(), std::stop_token(),
                           std::move(callbacks)));
    return *ended.Take();
  }

  void Drain(absl::Time until) override {
    const int64_t nanos = absl::ToUnixNanos(until);
    int64_t current = drained_at_nanos_.load();
    while (nanos < current && !drained_at_nanos_.compare_exchange_weak(current, nanos)) {
    }
    calls_.Close();
  }

  void Join() override {
    if (tokenizer_thread_.joinable()) tokenizer_thread_.join();
    if (engine_thread_.joinable()) engine_thread_.join();
  }

  runner::v1::GetLoadResponse load() const override {
    runner::v1::GetLoadResponse load;
    const QueueBudget::Usage queued = budget_.usage();
    load.set_queued_sequences(static_cast<uint32_t>(queued.sequences));
    load.set_queued_tokens(static_cast<uint64_t>(queued.tokens));
    stepper_->FillLoad(load);
    return load;
  }

  const runner::v1::GetModelInfoResponse& info() const override { return info_; }
  std::string_view what() const override { return Stepper::kWhat; }
  const Tokenizer& tokenizer() const override { return stepper_->tokenizer(); }

 private:
  using Call = typename Stepper::Call;
  using Arrival = typename Stepper::Arrival;

  // A call of many texts counts at most half of the tokens, so that others find room.
  static QueueBudget::Options ForOthersToo(QueueBudget::Options options) {
    if (Stepper::kManyTexts) {
      options.max_tokens_of_call = std::max(int64_t{1}, options.max_tokens / 2);
    }
    return options;
  }

  static absl::Status ShuttingDown() {
    return absl::UnavailableError("the runner is shutting down; retry at another one");
  }

  // Reports a rejection to the observer; `exhausted` is the reason for RESOURCE_EXHAUSTED.
  absl::Status Count(absl::Status status, RejectReason exhausted) {
    if (absl::IsDeadlineExceeded(status)) observer_.OnRejected(RejectReason::kDeadline);
    if (absl::IsResourceExhausted(status)) observer_.OnRejected(exhausted);
    return status;
  }

  absl::StatusOr<Arrival> Prepare(Call& call) {
    try {
      return stepper_->Prepare(call);
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(
          "the runner has no memory to read a text as long as this; retry later");
    }
  }

  void TokenizerLoop() {
    while (std::optional<Call> call = calls_.Take()) {
      absl::Status status = call->CheckStillWanted();
      if (status.ok()) {
        absl::StatusOr<Arrival> arrival = Prepare(*call);
        status = arrival.status();
        if (arrival.ok()) arrivals_.TryPush(*arrival);  // Only this thread closes it.
      }
      if (status.ok()) continue;
      call->ticket.Release();
      std::move(call->callbacks.on_done)(Count(std::move(status), RejectReason::kTokens));
    }
    arrivals_.Close();
  }

  void EngineLoop() {
    while (true) {
      for (Arrival& arrival : arrivals_.TakeAll(/*wait=*/!stepper_->HasWork())) {
        stepper_->Add(std::move(arrival));
      }
      if (!stepper_->HasWork()) return;  // Closed and empty.
      const absl::Time now = absl::Now();
      if (absl::ToUnixNanos(now) >= drained_at_nanos_.load()) {
        stepper_->FailAll(ShuttingDown());
      } else {
        Step(now);
      }
    }
  }

  void Step(absl::Time now) {
    if (core_lease_ == nullptr) return stepper_->Step(now);
    stepper_->set_num_threads(core_lease_->BeginStep(CoreLease::Clock::now()));
    stepper_->Step(now);
    core_lease_->EndStep(CoreLease::Clock::now());
  }

  EngineObserver& observer_;
  runner::v1::GetModelInfoResponse info_;
  CoreLease* const core_lease_;  // Used by the engine thread; may be null.
  QueueBudget budget_;           // Outlives its tickets in the members below.
  const std::unique_ptr<Stepper> stepper_;
  Mailbox<Call> calls_;
  Mailbox<Arrival> arrivals_;
  // Then remaining calls are failed.
  std::atomic<int64_t> drained_at_nanos_ = std::numeric_limits<int64_t>::max();
  std::thread tokenizer_thread_;
  std::thread engine_thread_;
};

}  // namespace chorus::runner
