#pragma once

// Reads a process's output in a test, line by line, waiting for what it should say.

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

class LineReader {
 public:
  // `fd` is borrowed.
  explicit LineReader(int fd) : fd_(fd) {}

  // The first unread line with `text` in it, its '\n' counted; lines before it are passed over.
  // Empty if the output ended, or said nothing for a minute.
  std::string WaitFor(std::string_view text) {
    for (;;) {
      const std::string line = Next();
      if (line.empty() || (line + "\n").find(text) != std::string::npos) return line;
    }
  }

  // Whether all of `texts` have come, in whatever order, since the beginning; waits as above.
  bool WaitForAll(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      if (all_.find(text) == std::string::npos && WaitFor(text).empty()) return false;
    }
    return true;
  }

  // Whether `text` comes next, in or across lines; what is up to its end then counts as read. Waits
  // as above.
  bool WaitForText(std::string_view text) {
    size_t found;
    while ((found = pending_.find(text)) == std::string::npos) {
      if (!ReadMore()) return false;
    }
    all_ += pending_.substr(0, found + text.size());
    pending_.erase(0, found + text.size());
    return true;
  }

  // The next line that is not blank; empty as above.
  std::string Next() {
    for (;;) {
      const size_t end = pending_.find('\n');
      if (end != std::string::npos) {
        const std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        all_ += line + "\n";
        if (!line.empty()) return line;
      } else if (!ReadMore()) {
        return "";
      }
    }
  }

  // Everything to the end of the output.
  std::string Rest() {
    while (ReadMore()) {
    }
    all_ += pending_;
    return std::exchange(pending_, "");
  }

  // Everything given out so far, for messages.
  const std::string& all() const { return all_; }

 private:
  bool ReadMore() {
    pollfd entry{fd_, POLLIN, 0};
    int ready;
    while ((ready = ::poll(&entry, 1, 60000)) < 0 && errno == EINTR) {
    }
    char buffer[4096];
    const ssize_t n = ready > 0 ? ::read(fd_, buffer, sizeof(buffer)) : 0;
    if (n > 0) pending_.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }

  const int fd_;
  std::string pending_;
  std::string all_;
};

}  // namespace chorus
