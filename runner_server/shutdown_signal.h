#pragma once

// SIGTERM and SIGINT as something to wait for. The second signal ends the process at once.
//
// Thread safety: Wait by one thread.

#include <thread>

#include "runner_server/engine/mailbox.h"

namespace chorus {

class ShutdownSignal {
 public:
  // Blocks both signals for the calling thread and those it starts: construct it first in main.
  ShutdownSignal();
  ~ShutdownSignal();
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  // Returns the number of the first signal, once it has come.
  int Wait() { return *first_.Take(); }

 private:
  void Loop();

  int signal_fd_;  // Readable when a signal has come.
  int stop_fd_;    // Readable when the thread shall end.
  Mailbox<int> first_;
  std::thread thread_;
};

}  // namespace chorus
