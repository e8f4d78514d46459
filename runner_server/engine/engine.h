#pragma once

// Runs the calls of one model, many at a time. This is what all engines have in common; EngineOf
// is what can be called.
//
// Thread safety: Drain, load, info and tokenizer may be called at once from any thread; WarmUp,
// Join and the destructor by one, which must not be one of the engine's (no callback may call
// them).

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
    QueueBudget::Options queue;  // What may wait to be run.
    // Says how many threads each step runs on; must outlive the engine. Null: the stepper is left
    // as it is.
    CoreLease* core_lease = nullptr;
  };

  virtual ~Engine() = default;  // Fails what has been accepted and has not ended.

  // Runs one small call through both threads and waits for it, so that the first caller finds warm
  // memory.
  virtual absl::Status WarmUp() = 0;

  // Accepts nothing more; lets accepted calls run until `until`, then fails them with UNAVAILABLE.
  // Does not wait. A later call may bring the end nearer.
  virtual void Drain(absl::Time until) = 0;

  // After Drain: waits until every callback has returned and the threads have ended.
  virtual void Join() = 0;

  // How busy it is. A snapshot.
  virtual runner::v1::GetLoadResponse load() const = 0;

  // What model this is.
  virtual const runner::v1::GetModelInfoResponse& info() const = 0;

  // What that does, such as "a generator, which implements Generate".
  virtual std::string_view what() const = 0;

  // Makes texts into tokens.
  virtual const Tokenizer& tokenizer() const = 0;
};

}  // namespace chorus::runner
