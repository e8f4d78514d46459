#pragma once

// Makes a gRPC server listen on exactly the address it is given, with the meaning of SocketAddress.
// gRPC itself reads 0.0.0.0 as both families, a missing port as 443, and wraps a port above 65,535.
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
  // Adds `address`, HOST:PORT (port 0 takes a free one) or unix:/path, to `builder`. Call
  // BuildAndStart() next, while the listener lives. INVALID_ARGUMENT for a malformed address, else
  // the errors of SocketAddress::CheckFree().
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Add(const std::string& address,
                                                           grpc::ServerBuilder& builder);
  ~GrpcListener();
  GrpcListener(const GrpcListener&) = delete;
  GrpcListener& operator=(const GrpcListener&) = delete;

  // The port, once the server has started; 0 if it does not listen, 1 for unix:/path.
  int port() const { return port_; }

 private:
  GrpcListener() = default;
  // Replaces port 0 by the port it took.
  absl::Status KeepIpv6(HostPort& host_port);

  int port_ = 0;
  int guard_ = -1;  // Occupies the port on IPv6 so that gRPC does not listen there.
};

}  // namespace chorus
