#pragma once

// Signals that come as something to read, and interrupt nothing any more.
//
// Thread safety: call before other threads are started, which inherit the signal mask.

#include <initializer_list>

#include "absl/status/statusor.h"

namespace chorus {

// A descriptor from which each of `signals` is read as a signalfd_siginfo (signalfd(2)), and which
// the caller closes. They stay blocked for this thread and those that it starts. SIGHUP is left
// out where HangupIsIgnored.
absl::StatusOr<int> SignalFd(std::initializer_list<int> signals);

// Blocks `signals` as SignalFd does, for a later one that then reads what has come meanwhile.
void HoldSignals(std::initializer_list<int> signals);

// Whether the process was started to ignore SIGHUP, as by nohup(1): then it is to stay so. (The
// system does not ignore a signal that is blocked, whatever its disposition.)
bool HangupIsIgnored();

}  // namespace chorus
