#pragma once

// Writes one line for each call that has ended:
//
//   access time=2026-11-28T05:50:12.345Z request=4f2a protocol=http method=POST
//   route=/v1/models/{model}:generate key=ci status=200 seconds=0.412 queue_seconds=0.003
//   first_token_seconds=0.031 prompt_tokens=5 generated_tokens=20 reply_bytes=311
//
// in one line. Of client data it holds only a request id of [A-Za-z0-9._-] and a traceparent of
// hexadecimal digits; never prompts or texts.
//
// Thread safety: Write() may be called from any thread and never waits for the reader. The log's
// own thread writes; when kMaxWaitingBytes wait, further lines are dropped, and a later line says
// how many.

#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "absl/time/time.h"
#include "api_server/front/call.h"

namespace chorus::gateway {

struct AccessLogEntry {
  std::string_view request_id;
  std::string_view traceparent;  // Empty: none.
  std::string_view protocol;     // "http" or "grpc".
  std::string_view method;       // Of HTTP; empty: none.
  std::string_view route;        // A template: "/v1/models/{model}:generate"; or "other".
  std::string_view key;          // The name of the caller's; empty: none.
  int status = 0;                // HTTP's; of a gRPC call the equivalent.
  absl::Duration duration;
  CallUsage usage;
  uint64_t reply_bytes = 0;  // 0: unknown.

  // Without the time, and without an end of line.
  std::string ToString() const;
};

class AccessLog {
 public:
  static constexpr size_t kMaxWaitingBytes = 1 << 20;

  // `fd` must stay open while this lives.
  explicit AccessLog(int fd = STDERR_FILENO);
  // Writes what waits, unless the reader is stuck.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void Write(const AccessLogEntry& entry);

 private:
  void Run();
  // Writes whole lines; false if the log is closing and nobody reads.
  bool WriteOut(std::string_view lines);

  const int fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;       // Guarded by mutex_, as the following.
  uint64_t num_dropped_ = 0;  // Since lines were last taken.
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace chorus::gateway
