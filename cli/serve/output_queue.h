#pragma once

// Buffers output to a terminal, pipe or file that may be slow or gone, for a poll loop that must
// not block. At most 1 MiB waits; further pieces are dropped and counted. Once the reader is gone
// everything is dropped.
//
// The descriptor stays in blocking mode, since it is shared with the shell: a write happens only
// when poll allows it, and is no longer than poll guarantees.
//
// Thread safety: none.

#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace chorus {

class OutputQueue {
 public:
  static constexpr size_t kMaxPendingBytes = 1 << 20;

  // `fd` is borrowed. SIGPIPE must be ignored.
  explicit OutputQueue(int fd) : fd_(fd) {}

  // `text` is whole lines.
  void Write(std::string_view text);

  int fd() const { return fd_; }
  bool wants_write() const { return !pending_.empty(); }

  // Call when poll finds fd() writable, or in error.
  void OnWritable();

  // Writes what waits, for at most `patience`.
  void Flush(absl::Duration patience);

 private:
  const int fd_;
  std::string pending_;
  int num_dropped_ = 0;
  bool reader_gone_ = false;
};

}  // namespace chorus
