#pragma once

// Ctrl-C and SIGTERM as a stop token.
//
// From its making on, SIGINT, SIGTERM and SIGHUP no longer end the process, also when it is the
// first of a container: the first one requests a stop, a second one ends the process at once, with
// exit status 128 + N. SIGHUP may be given another meaning, and means nothing under nohup(1).
//
// Thread safety: make it before other threads, which inherit the signal mask, and one at most.

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/status/statusor.h"

namespace chorus {

class SignalStop {
 public:
  // `on_hangup`, if it is set, is called for each SIGHUP, which then stops nothing; on a thread of
  // this object's own.
  static absl::StatusOr<std::unique_ptr<SignalStop>> Create(std::function<void()> on_hangup = {});
  ~SignalStop();  // The signals stay blocked.

  std::stop_token token() const { return stop_.get_token(); }
  int signal() const { return signal_; }  // That requested the stop; 0 before.
  int Wait() const;                       // Until there is one, which it returns.

 private:
  SignalStop(int signal_fd, int done_fd, std::function<void()> on_hangup);
  void Watch();

  const int signal_fd_;
  const int done_fd_;  // Readable once the watch is to end.
  const std::function<void()> on_hangup_;
  std::stop_source stop_;
  std::atomic<int> signal_ = 0;
  std::thread watch_;
};

}  // namespace chorus
