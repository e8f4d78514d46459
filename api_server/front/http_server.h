#pragma once

// An HTTP/1.1 server: passes requests to HttpHandlers, within limits that no client can exceed.
//
// Threads: `num_io_threads` threads, each with an event loop of its own. A connection belongs to
// one of them for life, so that its session needs no lock. The first also accepts. Handlers are
// called on these threads; their completions may come from any thread and are passed to the
// connection's own.
//
// A client whose connection ends before its reply has left: the call's stop token is stopped. So
// does the end of input, since a client that closes only its sending direction cannot be told from
// one that died (docs/decisions/0019); it gets 499.
//
// Thread safety: Start(), Drain() and destruction by one thread, not an I/O thread.
// Shutdown: Drain(), then destruction, after which no callback runs. Requests still in progress are
// cancelled; their late completions are dropped.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api_server/front/active_request.h"
#include "api_server/front/http_handler.h"

namespace chorus::gateway {

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
  absl::Duration heartbeat_interval = absl::Seconds(15);  // Of an idle stream.
  absl::Duration linger_timeout = absl::Seconds(2);       // For the client to close after us.
};

class HttpServer {
 public:
  struct Options {
    std::string address = "0.0.0.0:3000";  // See base/socket_address.h; port 0 takes a free one.
    int num_io_threads = 2;                // At least 1.
    HttpLimits limits;
  };

  // Binds and listens, but accepts only after Start(). `handlers` and what `rules` refers to must
  // outlive the server and all completions. Malformed requests get the last handler's ErrorReply.
  // INVALID_ARGUMENT for a malformed address, else the errors of SocketAddress::CheckFree().
  static absl::StatusOr<std::unique_ptr<HttpServer>> Create(const Options& options,
                                                            HttpHandlers handlers,
                                                            const FrontRules& rules);
  ~HttpServer();

  // Begins to accept. Called once.
  void Start();

  // The port it listens on.
  uint16_t port() const;

  // Instead of HttpLimits's, for connections to come. From any thread.
  void SetMaxConnections(size_t max_connections);

  // Stops accepting, closes idle connections, and lets requests in progress be answered with
  // `Connection: close`. Returns when all connections are closed. At `deadline` it cancels what is
  // in progress, answers it with UNAVAILABLE, waits up to `linger_timeout` for clients to read
  // that, closes the rest, and returns DEADLINE_EXCEEDED with their number. Blocks; not to be
  // called on an I/O thread.
  absl::Status Drain(absl::Time deadline);

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace chorus::gateway
