#pragma once

// Detects when the gateway is ready: reads its addresses from its ports file, then polls GET
// /readyz until it answers 200, which requires ready runners.
//
// Driven by a poll loop; never blocks. Thread safety: none.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "absl/time/time.h"
#include "base/socket_address.h"
#include "cli/serve/http_probe.h"

namespace chorus {

// The gateway's addresses.
struct GatewayAddresses {
  SocketAddress http;
  SocketAddress grpc;
};

// Reads the lines "http=HOST:PORT" and "grpc=HOST:PORT". Unset if the file or a line is missing.
std::optional<GatewayAddresses> ReadPortsFile(const std::filesystem::path& path);

class GatewayWatch {
 public:
  struct Options {
    std::filesystem::path ports_file;
    absl::Duration interval = absl::Milliseconds(100);  // Between looks.
    absl::Duration probe_timeout = absl::Seconds(5);
  };

  explicit GatewayWatch(Options options) : options_(std::move(options)) {}

  // The gateway was (re)started: begins watching.
  void Begin(absl::Duration now);

  // The gateway has ended: stops watching.
  void End();

  // Call on every iteration. Returns the addresses once after each Begin, when it is ready.
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
