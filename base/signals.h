#pragma once

// Signals that are waited for, and interrupt nothing any more.
//
// Whatever is called here blocks them for its thread and those that this starts, and they stay
// blocked: call before other threads are started. SIGHUP is left alone where the process was
// started to ignore it, as by nohup(1). (The system does not ignore a signal that is blocked,
// whatever its disposition.)
//
// Thread safety: SignalStop's methods may be called from any thread; one thread reads a SignalFd.

#include <signal.h>

#include <atomic>
#include <functional>
#include <initializer_list>
#include <stop_token>
#include <thread>

#include "absl/status/statusor.h"

namespace chorus {

// Blocks `signals`; returns those blocked, which come to sigwait(3) or a later SignalFd.
sigset_t BlockSignals(std::initializer_list<int> signals);

// A descriptor, which the caller closes, that can be read while NextSignal has one of `signals`.
absl::StatusOr<int> SignalFd(std::initializer_list<int> signals);

// The next signal that has come; 0 if none has.
int NextSignal(int signal_fd);

// Ctrl-C and SIGTERM as a stop token: the first SIGINT, SIGTERM or SIGHUP requests a stop, a second
// one ends the process at once, with exit status 128 + N. One at a time.
class SignalStop {
 public:
  // `on_hangup`, if it is set, is called for each SIGHUP, which then stops nothing; on a thread of
  // this object's own.
  explicit SignalStop(std::function<void()> on_hangup = {});
  ~SignalStop();

  std::stop_token token() const { return stop_.get_token(); }
  int signal() const { return signal_; }  // That requested the stop; 0 before.
  int Wait() const;                       // Until there is one, which it returns.

 private:
  void Watch(const sigset_t& signals);

  const std::function<void()> on_hangup_;
  std::stop_source stop_;
  std::atomic<int> signal_ = 0;
  std::atomic<bool> over_ = false;
  std::thread watch_;
};

}  // namespace chorus
