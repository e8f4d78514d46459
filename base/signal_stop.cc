#include "base/signal_stop.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "base/signal_fd.h"
#include "base/status_macros.h"

namespace chorus {

absl::StatusOr<std::unique_ptr<SignalStop>> SignalStop::Create(std::function<void()> on_hangup) {
  ASSIGN_OR_RETURN(const int signal_fd, SignalFd({SIGINT, SIGTERM, SIGHUP}));
  const int done_fd = ::eventfd(0, EFD_CLOEXEC);
  if (done_fd < 0) return absl::ErrnoToStatus(errno, "cannot watch for signals");
  return std::unique_ptr<SignalStop>(new SignalStop(signal_fd, done_fd, std::move(on_hangup)));
}

SignalStop::SignalStop(int signal_fd, int done_fd, std::function<void()> on_hangup)
    : signal_fd_(signal_fd),
      done_fd_(done_fd),
      on_hangup_(std::move(on_hangup)),
      watch_([this] { Watch(); }) {}

SignalStop::~SignalStop() {
  ::eventfd_write(done_fd_, 1);
  watch_.join();
  ::close(signal_fd_);
  ::close(done_fd_);
}

int SignalStop::Wait() const {
  signal_.wait(0);
  return signal_;
}

void SignalStop::Watch() {
  pollfd entries[] = {{done_fd_, POLLIN, 0}, {signal_fd_, POLLIN, 0}};
  for (;;) {
    if (::poll(entries, std::size(entries), -1) < 0) continue;
    if (entries[0].revents != 0) return;
    signalfd_siginfo info;
    if (::read(signal_fd_, &info, sizeof(info)) != sizeof(info)) continue;
    const int signal = static_cast<int>(info.ssi_signo);
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
