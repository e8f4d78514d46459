#pragma once

// An HTTP/1.1 server: connections in, requests to HttpHandlers, replies out, within limits that
// no client can overrun.
//
// Threads: `num_io_threads` threads, each with an event loop of its own. A connection belongs to
// one of them for life, so that its session needs no lock. The first also accepts. Handlers are
// called on these threads; their completions may come from any thread and are passed to the
// connection's own.
//
// A client whose connection ends while its request is being worked on has left: the call's stop
// token is stopped. The end of input counts as that too, although a client may close one direction
// only and wait: the two look alike, and who waits keeps the connection whole
// (docs/decisions/0019). Such a client is told so, with the code 499.
//
// Shutdown: Drain(), then destruction, after which no callback runs. What is still in progress when
// the server is destroyed is cancelled; its late completions are dropped.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api_server/front/active_request.h"
#include "api_server/front/http_handler.h"

namespace chorus {

struct HttpLimits {
  size_t max_head_bytes = 16 << 10;                      // Request line and header block; 431.
  size_t max_fields = 100;                               // 431.
  size_t max_target_bytes = 8 << 10;                     // 414.
  size_t max_body_bytes = 1 << 20;                       // 413.
  size_t max_connections = 10'000;                       // 503, and closed.
  absl::Duration head_timeout = absl::Seconds(10);       // From the first byte; 408.
  absl::Duration body_idle_timeout = absl::Seconds(20);  // Between two reads; 408.
  // Between two requests; closed. Zero: every reply is its connection's last.
  absl::Duration keep_alive_timeout = absl::Seconds(75);
  absl::Duration heartbeat_interval = absl::Seconds(15);  // Of a stream that has nothing to say.
  absl::Duration linger_timeout = absl::Seconds(2);       // For the client to close after us.
};

class HttpServer {
 public:
  struct Options {
    std::string address = "0.0.0.0:3000";  // See base/socket_address.h; port 0 takes a free one.
    int num_io_threads = 2;                // At least 1.
    HttpLimits limits;
  };

  // Binds and listens, but accepts only after Start(). `handlers` and what `rules` names must
  // outlive the server, and the handlers every completion they have been given. The last handler
  // tells the errors of what is no request. INVALID_ARGUMENT when the address is not one; when it
  // cannot be listened on, as SocketAddress::CheckFree().
  static absl::StatusOr<std::unique_ptr<HttpServer>> Create(const Options& options,
                                                            HttpHandlers handlers,
                                                            const FrontRules& rules);
  ~HttpServer();

  // Begins to accept. Called once.
  void Start();

  // The port that is listened on.
  uint16_t port() const;

  // Stops accepting, closes idle connections, and lets those with a request in progress answer it
  // with `Connection: close`. Returns when all have closed. At `deadline` it cancels what is in
  // progress and answers it with UNAVAILABLE, waits up to `linger_timeout` for the clients to take
  // that, closes the rest, and returns DEADLINE_EXCEEDED with their number. Blocks; not for I/O
  // threads.
  absl::Status Drain(absl::Time deadline);

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace chorus
