#include "runner_server/shutdown_signal.h"

#include <glog/logging.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace chorus {

ShutdownSignal::ShutdownSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  PCHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  PCHECK((signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC)) >= 0);
  PCHECK((stop_fd_ = eventfd(0, EFD_CLOEXEC)) >= 0);
  thread_ = std::thread([this] { Loop(); });
}

ShutdownSignal::~ShutdownSignal() {
  eventfd_write(stop_fd_, 1);
  thread_.join();
  close(signal_fd_);
  close(stop_fd_);
}

void ShutdownSignal::Loop() {
  for (int num_signals = 0;;) {
    pollfd fds[] = {{.fd = signal_fd_, .events = POLLIN}, {.fd = stop_fd_, .events = POLLIN}};
    if (poll(fds, 2, -1) < 0) continue;  // Interrupted.
    if (fds[1].revents != 0) return;
    signalfd_siginfo info;
    if (read(signal_fd_, &info, sizeof info) != sizeof info) continue;
    int number = static_cast<int>(info.ssi_signo);
    if (++num_signals > 1) _exit(128 + number);
    first_.TryPush(number);
  }
}

}  // namespace chorus
