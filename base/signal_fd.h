#pragma once

// Signals read from a descriptor (signalfd) instead of handled.
//
// Thread safety: call before other threads are started, which inherit the signal mask.

#include <initializer_list>

#include "absl/status/statusor.h"

namespace chorus {

// A descriptor that yields each of `signals` as a signalfd_siginfo (signalfd(2)); the caller closes
// it. The signals stay blocked in this thread and those it starts. SIGHUP is left out if
// HangupIsIgnored().
absl::StatusOr<int> SignalFd(std::initializer_list<int> signals);

// Blocks `signals` as SignalFd does. A later SignalFd reads those that came meanwhile.
void HoldSignals(std::initializer_list<int> signals);

// Whether the process was started with SIGHUP ignored, as by nohup(1), which must be kept. (A
// blocked signal is queued even if its disposition is to ignore it.)
bool HangupIsIgnored();

}  // namespace chorus
