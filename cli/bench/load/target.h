#pragma once

// A server under load: sends it calls and tells what came of each.
//
// Thread safety: everything, `done` too, on the thread that runs the io_context the target was
// given. Before that stops running, every call must have ended.

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "cli/bench/load/call.h"

namespace chorus::bench {

class Target {
 public:
  using Done = absl::AnyInvocable<void(CallRecord) &&>;

  virtual ~Target() = default;

  // Starts one; never blocks. `due` is when it should have started. `done` is called once, later.
  virtual void Send(Call call, absl::Duration due, Done done) = 0;

  // Ends the calls that have taken too long; called every few milliseconds.
  virtual void Expire(absl::Duration now) = 0;

  // Ends all calls as unfinished.
  virtual void Cancel() = 0;
};

}  // namespace chorus::bench
