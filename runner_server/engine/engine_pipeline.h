#pragma once

// The two threads of an engine and what lies between them:
//
//   Submit ─▶ requests ─▶ tokenizer thread ─▶ arrivals ─▶ engine thread: add, step, add, step …
//
// The engine thread alone touches the stepper, which owns the model. It sleeps only when there is
// no work, and then only until something arrives; every step takes in what has arrived meanwhile.
//
// Shutdown order: no more requests → the tokenizer thread passes on what it has and ends → the
// engine thread finishes it, or fails it from the drain's end on → it ends.
//
// Stepper must offer:
//   struct Arrival;                      // A tokenised request with its callbacks.
//   void Add(Arrival arrival);           // Makes HasWork() true.
//   bool HasWork() const;
//   void set_num_threads(int num_threads);  // Of the steps that follow.
//   void Step(absl::Time now);           // One forward pass; gets nearer to !HasWork().
//   void FailAll(const absl::Status&);   // Makes HasWork() false.
//
// Thread safety: TryPush and Drain may be called at once from any thread, Join by one.

#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runner_server/engine/core_lease.h"
#include "runner_server/engine/drain_clock.h"
#include "runner_server/engine/mailbox.h"

namespace chorus {

template <typename Request, typename Stepper>
class EnginePipeline {
 public:
  using Arrival = typename Stepper::Arrival;
  // Tokenises a request, on the tokenizer thread; or completes it with an error, and gives nothing.
  using Prepare = absl::AnyInvocable<std::optional<Arrival>(Request)>;

  // `core_lease` decides how many threads each step runs on, and must outlive the pipeline; null:
  // the stepper is left as it is.
  EnginePipeline(std::unique_ptr<Stepper> stepper, Prepare prepare, CoreLease* core_lease)
      : stepper_(std::move(stepper)),
        prepare_(std::move(prepare)),
        core_lease_(core_lease),
        tokenizer_thread_([this] { TokenizerLoop(); }),
        engine_thread_([this] { EngineLoop(); }) {}

  ~EnginePipeline() {
    Drain(absl::InfinitePast());
    Join();
  }

  // False, and `request` stays as it is, once draining.
  bool TryPush(Request& request) { return requests_.TryPush(request); }

  // Accepts nothing more; what has been accepted may run until `until`. Does not wait. A later call
  // may bring the end nearer.
  void Drain(absl::Time until) {
    drain_.Begin(until);
    requests_.Close();
  }

  // Waits until everything accepted is completed and both threads have ended; Drain comes first.
  void Join() {
    if (tokenizer_thread_.joinable()) tokenizer_thread_.join();
    if (engine_thread_.joinable()) engine_thread_.join();
  }

 private:
  void TokenizerLoop() {
    while (std::optional<Request> request = requests_.Take()) {
      std::optional<Arrival> arrival = prepare_(*std::move(request));
      if (arrival.has_value()) arrivals_.TryPush(*arrival);  // Closed by this thread alone.
    }
    arrivals_.Close();
  }

  void EngineLoop() {
    while (true) {
      for (Arrival& arrival : arrivals_.TakeAll(/*wait=*/!stepper_->HasWork())) {
        stepper_->Add(std::move(arrival));
      }
      if (!stepper_->HasWork()) return;  // Waited, and nothing came: closed.
      const absl::Time now = absl::Now();
      if (drain_.IsOver(now)) {
        stepper_->FailAll(
            absl::UnavailableError("the runner is shutting down; retry at another one"));
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

  const std::unique_ptr<Stepper> stepper_;  // The engine thread's.
  Prepare prepare_;                         // The tokenizer thread's.
  CoreLease* const core_lease_;             // The engine thread's; null: none.
  DrainClock drain_;
  Mailbox<Request> requests_;
  Mailbox<Arrival> arrivals_;
  std::thread tokenizer_thread_;  // The threads come last: they use all that is above.
  std::thread engine_thread_;
};

}  // namespace chorus
