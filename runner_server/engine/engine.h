#pragma once

// Runs the calls of one model, many at a time. The untyped interface of all engines; EngineOf adds
// Submit.
//
// Thread safety: Drain, load, info, what and tokenizer may be called from any thread; WarmUp, Join
// and the destructor by one thread, never from a callback.

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/engine/core_lease.h"
#include "runner_server/scheduler/queue_budget.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

class Engine {
 public:
  struct Options {
    // Name, version, architecture and dtype; the stepper adds the rest.
    runner::v1::GetModelInfoResponse info;
    QueueBudget::Options queue;  // Bounds the queue.
    // Sets the number of threads of each step; must outlive the engine. Null: unchanged.
    CoreLease* core_lease = nullptr;
  };

  virtual ~Engine() = default;  // Fails calls that have not ended.

  // Runs one small call through both threads and waits for it, to touch memory first. Blocks.
  virtual absl::Status WarmUp() = 0;

  // Refuses new calls; lets accepted ones run until `until`, then fails them with UNAVAILABLE. Does
  // not block. A further call may only move `until` earlier.
  virtual void Drain(absl::Time until) = 0;

  // Call after Drain: blocks until every callback has returned and the threads have ended.
  virtual void Join() = 0;

  // A snapshot of the load.
  virtual runner::v1::GetLoadResponse load() const = 0;

  // Describes the model.
  virtual const runner::v1::GetModelInfoResponse& info() const = 0;

  // What the model does, such as "a generator, which implements Generate".
  virtual std::string_view what() const = 0;

  virtual const Tokenizer& tokenizer() const = 0;
};

}  // namespace chorus::runner
