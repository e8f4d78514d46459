#pragma once

// Has a gRPC server listen where it is told, as SocketAddress says: by itself gRPC takes 0.0.0.0
// for both families, a missing port for 443, and a port past 65,535 for another.
//
// Thread safety: none.

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/host_port.h"

namespace chorus {

class GrpcListener {
 public:
  // `address` is HOST:PORT, with port 0 for one that is free, or unix:/path. Adds it to `builder`,
  // whose BuildAndStart() must be called next, while the listener lives. INVALID_ARGUMENT when it
  // is no address, else errors as SocketAddress::CheckFree().
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Add(const std::string& address,
                                                           grpc::ServerBuilder& builder);
  ~GrpcListener();
  GrpcListener(const GrpcListener&) = delete;
  GrpcListener& operator=(const GrpcListener&) = delete;

  // Once the server has started: the port that it listens on; 0 when it does not. 1 for unix:/path.
  int port() const { return port_; }

 private:
  GrpcListener() = default;
  // Fills a port of 0.
  absl::Status KeepIpv6(HostPort& host_port);

  int port_ = 0;
  int guard_ = -1;  // Listens on the port's IPv6 addresses so that gRPC does not.
};

}  // namespace chorus
