#pragma once

// Runs many calls as one.
//
// Thread safety: a free function; the calls may end on any thread.

#include <functional>
#include <stop_token>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace chorus::gateway {

using CallDone = absl::AnyInvocable<void(absl::Status) &&>;

// Begins the index-th call, which ends early when `stop` says so. Either returns OK and calls
// `done` once; or returns an error and destroys `done` uncalled.
using BeginCall = std::function<absl::Status(int index, std::stop_token stop, CallDone done)>;

// Begins the calls in order, at most `most_at_once` at a time; the first error stops those that
// run, and the rest is not begun. Then calls `done` once, when none runs any more, with the first
// error. num_calls >= 1.
void FanOut(int num_calls, int most_at_once, const std::stop_token& stop, BeginCall begin,
            CallDone done);

}  // namespace chorus::gateway
