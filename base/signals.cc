#include "base/signals.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"

namespace chorus {

sigset_t BlockSignals(std::initializer_list<int> signals) {
  struct sigaction hangup = {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) {
    if (signal != SIGHUP || hangup.sa_handler != SIG_IGN) ::sigaddset(&set, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

absl::StatusOr<int> SignalFd(std::initializer_list<int> signals) {
  const sigset_t set = BlockSignals(signals);
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot watch for signals");
  return fd;
}

int NextSignal(int signal_fd) {
  signalfd_siginfo info;
  const bool has_come = ::read(signal_fd, &info, sizeof(info)) == sizeof(info);
  return has_come ? static_cast<int>(info.ssi_signo) : 0;
}

SignalStop::SignalStop(std::function<void()> on_hangup) : on_hangup_(std::move(on_hangup)) {
  const sigset_t signals = BlockSignals({SIGINT, SIGTERM, SIGHUP});
  watch_ = std::thread([this, signals] { Watch(signals); });
}

SignalStop::~SignalStop() {
  over_ = true;
  ::pthread_kill(watch_.native_handle(), SIGTERM);
  watch_.join();
}

int SignalStop::Wait() const {
  signal_.wait(0);
  return signal_;
}

void SignalStop::Watch(const sigset_t& signals) {
  for (int signal = 0;;) {
    if (::sigwait(&signals, &signal) != 0) continue;
    if (over_) return;
    if (signal == SIGHUP && on_hangup_) {
      on_hangup_();
      continue;
    }
    if (signal_ != 0) ::_exit(128 + signal);
    signal_ = signal;
    signal_.notify_all();
    stop_.request_stop();
  }
}

}  // namespace chorus
