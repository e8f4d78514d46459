#include "cli/serve/output_queue.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "cli/monotonic_clock.h"

namespace chorus {

void OutputQueue::Write(std::string_view text) {
  if (reader_gone_) return;
  if (pending_.size() + text.size() > kMaxPendingBytes) {
    ++num_dropped_;
    return;
  }
  if (num_dropped_ > 0) {
    absl::StrAppend(&pending_, "chorus: ", num_dropped_,
                    " pieces of output were dropped here: the reader is too slow\n");
    num_dropped_ = 0;
  }
  pending_ += text;
}

void OutputQueue::OnWritable() {
  const size_t size = std::min<size_t>(pending_.size(), PIPE_BUF);
  const ssize_t n = ::write(fd_, pending_.data(), size);
  if (n >= 0) {
    pending_.erase(0, static_cast<size_t>(n));
  } else if (errno != EINTR && errno != EAGAIN) {
    reader_gone_ = true;
    pending_.clear();
  }
}

void OutputQueue::Flush(absl::Duration patience) {
  const absl::Duration deadline = MonotonicNow() + patience;
  while (wants_write()) {
    pollfd entry{fd_, POLLOUT, 0};
    const int ready = ::poll(&entry, 1, PollTimeout(deadline - MonotonicNow()));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return;
    if (ready > 0) OnWritable();
  }
}

}  // namespace chorus
