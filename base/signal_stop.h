#pragma once

// Ctrl-C and SIGTERM as a stop token.
//
// Once created, the first SIGINT, SIGTERM or SIGHUP requests a stop; a second one ends the process
// at once with exit status 128 + N, also as pid 1 of a container. SIGHUP may be given another
// meaning, and is ignored under nohup(1).
//
// Thread safety: create at most one, before other threads start, since they inherit the signal
// mask. The const methods may be called from any thread.

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/status/statusor.h"

namespace chorus {

class SignalStop {
 public:
  // `on_hangup`, if set, is called for each SIGHUP, which then does not stop; it runs on this
  // object's own thread.
  static absl::StatusOr<std::unique_ptr<SignalStop>> Create(std::function<void()> on_hangup = {});
  ~SignalStop();  // The signals stay blocked.

  std::stop_token token() const { return stop_.get_token(); }
  int signal() const { return signal_; }  // The one that requested the stop; 0 before.
  int Wait() const;                       // Blocks until there is one, and returns it.

 private:
  SignalStop(int signal_fd, int done_fd, std::function<void()> on_hangup);
  void Watch();

  const int signal_fd_;
  const int done_fd_;  // Readable when the watch must end.
  const std::function<void()> on_hangup_;
  std::stop_source stop_;
  std::atomic<int> signal_ = 0;
  std::thread watch_;
};

}  // namespace chorus
