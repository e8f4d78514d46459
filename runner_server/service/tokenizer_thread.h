#pragma once

// The thread that Tokenize and Detokenize calls are answered by, one after another, so that a long
// text keeps neither gRPC's threads nor the engine's queue waiting.
//
// Thread safety: Run may be called at once from any thread.

#include <optional>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "runner_server/engine/mailbox.h"

namespace chorus {

class TokenizerThread {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  TokenizerThread()
      : thread_([this] {
          while (std::optional<Task> task = tasks_.Take()) (*std::move(task))();
        }) {}

  // Runs what is left.
  ~TokenizerThread() {
    tasks_.Close();
    thread_.join();
  }

  // Runs `task` on the thread, after those before it; never inline.
  void Run(Task task) { tasks_.TryPush(task); }

 private:
  Mailbox<Task> tasks_;
  std::thread thread_;  // Last: it uses what is above.
};

}  // namespace chorus
