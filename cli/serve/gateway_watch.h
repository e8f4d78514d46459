#pragma once

// Finds out when the gateway is ready: reads the addresses it listens on from its ports file, then
// asks GET /readyz until that answers 200 (which it does when all runners are ready too).
//
// Driven by a poll loop; never blocks. Thread safety: none.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "absl/time/time.h"
#include "base/socket_address.h"
#include "cli/serve/http_probe.h"

namespace chorus {

// What the gateway listens on.
struct GatewayAddresses {
  SocketAddress http;
  SocketAddress grpc;
};

// A ports file has the lines "http=HOST:PORT" and "grpc=HOST:PORT". Unset when there is no such
// file, or one of the lines is missing.
std::optional<GatewayAddresses> ReadPortsFile(const std::filesystem::path& path);

class GatewayWatch {
 public:
  struct Options {
    std::filesystem::path ports_file;
    absl::Duration interval = absl::Milliseconds(100);  // Between looks.
    absl::Duration probe_timeout = absl::Seconds(5);
  };

  explicit GatewayWatch(Options options) : options_(std::move(options)) {}

  // The gateway was started (again): looks afresh.
  void Begin(absl::Duration now);

  // The gateway has ended: stops looking.
  void End();

  // Call on every turn of the loop. The addresses, once after each Begin, when it is ready.
  std::optional<GatewayAddresses> Advance(absl::Duration now);

  // Call when poll reports anything on probe_fd().
  void OnProbeEvent();

  int probe_fd() const { return probe_ ? probe_->fd() : -1; }
  int16_t probe_events() const { return probe_ ? probe_->events() : 0; }
  absl::Duration next_deadline() const { return deadline_; }

 private:
  const Options options_;
  absl::Duration deadline_ = absl::InfiniteDuration();  // The next look, or the end of the probe.
  std::optional<GatewayAddresses> addresses_;           // Set while probe_ is.
  std::optional<HttpProbe> probe_;
  std::optional<int> answer_;  // Of probe_.
};

}  // namespace chorus
