#include "api_server/front/access_log.h"

#include <limits.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

constexpr size_t kMaxMethodBytes = 16;  // Clients may send any.
constexpr int kPollMs = 100;

std::string Now() {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
}

void AppendSeconds(const char* name, absl::Duration duration, std::string& line) {
  absl::StrAppendFormat(&line, " %s=%.6f", name, absl::ToDoubleSeconds(duration));
}

void AppendCount(const char* name, uint64_t count, std::string& line) {
  if (count > 0) absl::StrAppend(&line, " ", name, "=", count);
}

void AppendText(const char* name, std::string_view text, std::string& line) {
  if (!text.empty()) absl::StrAppend(&line, " ", name, "=", AbslView(text));
}

// Whole lines up to what a pipe writes atomically, so that other writers' output falls between
// lines; or one longer line.
std::string_view FirstPiece(std::string_view lines) {
  if (lines.size() <= PIPE_BUF) return lines;
  size_t end = lines.rfind('\n', PIPE_BUF - 1);
  if (end == std::string_view::npos) end = lines.find('\n');
  return lines.substr(0, end == std::string_view::npos ? lines.size() : end + 1);
}

}  // namespace

std::string AccessLogEntry::ToString() const {
  std::string line;
  absl::StrAppend(&line, "request=", AbslView(request_id));
  AppendText("traceparent", traceparent, line);
  AppendText("protocol", protocol, line);
  AppendText("method", method.substr(0, kMaxMethodBytes), line);
  AppendText("route", route, line);
  AppendText("key", key, line);
  absl::StrAppend(&line, " status=", status);
  AppendSeconds("seconds", duration, line);
  if (usage.generated_tokens > 0) {
    if (usage.queue_time.has_value()) AppendSeconds("queue_seconds", *usage.queue_time, line);
    AppendSeconds("first_token_seconds", usage.first_token_time, line);
  }
  AppendCount("prompt_tokens", usage.prompt_tokens, line);
  AppendCount("generated_tokens", usage.generated_tokens, line);
  AppendCount("reply_bytes", reply_bytes, line);
  return line;
}

AccessLog::AccessLog(int fd) : fd_(fd), thread_([this] { Run(); }) {}

AccessLog::~AccessLog() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void AccessLog::Write(const AccessLogEntry& entry) {
  const std::string line = absl::StrCat("access time=", Now(), " ", entry.ToString(), "\n");
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() > kMaxWaitingBytes) {
      ++num_dropped_;
      return;
    }
    waiting_ += line;
  }
  changed_.notify_one();
}

void AccessLog::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
    if (waiting_.empty()) return;  // Closing, and everything is written.
    std::string lines = std::exchange(waiting_, {});
    if (const uint64_t dropped = std::exchange(num_dropped_, 0); dropped > 0) {
      absl::StrAppend(&lines, "access time=", Now(), " dropped_lines=", dropped,
                      " reason=\"whoever reads this log is slower than calls come\"\n");
    }
    lock.unlock();
    if (!WriteOut(lines)) return;
    lock.lock();
  }
}

bool AccessLog::WriteOut(std::string_view lines) {
  while (!lines.empty()) {
    pollfd ready = {.fd = fd_, .events = POLLOUT};
    if (poll(&ready, 1, kPollMs) <= 0) {
      const std::lock_guard lock(mutex_);
      if (closing_) return false;
      continue;
    }
    const std::string_view piece = FirstPiece(lines);
    const ssize_t written = write(fd_, piece.data(), piece.size());
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) return true;  // The reader is gone.
    lines.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace chorus::gateway
