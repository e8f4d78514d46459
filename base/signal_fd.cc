#include "base/signal_fd.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>

#include "absl/status/status.h"

namespace chorus {

namespace {

// Of `signals`, those that it has blocked.
sigset_t Block(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) {
    if (signal != SIGHUP || !HangupIsIgnored()) ::sigaddset(&set, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

}  // namespace

absl::StatusOr<int> SignalFd(std::initializer_list<int> signals) {
  const sigset_t set = Block(signals);
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot watch for signals");
  return fd;
}

void HoldSignals(std::initializer_list<int> signals) { Block(signals); }

bool HangupIsIgnored() {
  struct sigaction action = {};
  return ::sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace chorus
