#pragma once

// One non-blocking HTTP GET for a poll loop; ignores the body.
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
  // Starts to connect. `path` such as "/readyz".
  static absl::StatusOr<HttpProbe> Start(const SocketAddress& address, const std::string& path);

  HttpProbe(HttpProbe&& other) noexcept;
  HttpProbe& operator=(HttpProbe&&) = delete;
  ~HttpProbe();

  // What to poll for.
  int fd() const { return fd_; }
  int16_t events() const;

  // Call when poll reports anything on fd(). The status code once known, or 0 on failure; the probe
  // is then done.
  std::optional<int> OnEvent();

 private:
  HttpProbe(int fd, std::string request) : fd_(fd), unsent_(std::move(request)) {}

  int fd_;  // -1 once moved from.
  std::string unsent_;
  std::string received_;
};

}  // namespace chorus
