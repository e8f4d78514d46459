#pragma once

// One non-blocking HTTP GET for a poll loop; ignores the body unless it is asked for.
//
// Thread safety: none.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/socket_address.h"

namespace chorus {

class HttpProbe {
 public:
  // Starts to connect. `path` such as "/readyz". With `wants_body` it is done when all of the reply
  // is there, which may have 16 MiB.
  static absl::StatusOr<HttpProbe> Start(const SocketAddress& address, const std::string& path,
                                         bool wants_body = false);

  HttpProbe(HttpProbe&& other) noexcept;
  HttpProbe& operator=(HttpProbe&&) = delete;
  ~HttpProbe();

  // What to poll for.
  int fd() const { return fd_; }
  int16_t events() const;

  // Call when poll reports anything on fd(). The status code once known, or 0 on failure; the probe
  // is then done.
  std::optional<int> OnEvent();

  // Once done: what was received, the head too.
  const std::string& received() const { return received_; }

 private:
  HttpProbe(int fd, std::string request, bool wants_body)
      : fd_(fd), unsent_(std::move(request)), wants_body_(wants_body) {}

  // The status code; 0 if it is no HTTP.
  int Code() const;

  int fd_;  // -1 once moved from.
  std::string unsent_;
  bool wants_body_;
  std::string received_;
};

}  // namespace chorus
