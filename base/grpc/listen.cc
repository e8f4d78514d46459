#include "base/grpc/listen.h"

#include <grpcpp/security/server_credentials.h>
#include <unistd.h>

#include <vector>

#include "absl/memory/memory.h"
#include "base/socket_address.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

constexpr char kAllIpv4[] = "0.0.0.0";
constexpr int kMaxTries = 16;  // For a port that is free in both families.

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Add(const std::string& address,
                                                                grpc::ServerBuilder& builder) {
  auto listener = absl::WrapUnique(new GrpcListener);
  std::string target = address;
  if (!address.starts_with("unix:/")) {
    ASSIGN_OR_RETURN(HostPort host_port, HostPort::Parse(address));
    RETURN_IF_ERROR(SocketAddress::ResolveToListen(host_port).status());
    if (host_port.host == kAllIpv4) RETURN_IF_ERROR(listener->KeepIpv6(host_port));
    target = host_port.ToString();
  }
  builder.AddListeningPort(target, grpc::InsecureServerCredentials(), &listener->port_);
  return listener;
}

// gRPC listens on [::] for both wildcards, and on 0.0.0.0 alone only where [::] is taken.
absl::Status GrpcListener::KeepIpv6(HostPort& host_port) {
  absl::Status status;
  for (int i = 0; i < kMaxTries; ++i) {
    ASSIGN_OR_RETURN(SocketAddress ipv6, SocketAddress::Parse("[::]:0"));
    ipv6.set_port(host_port.port);
    const absl::StatusOr<int> guard = ipv6.Listen(/*only_ipv6=*/true);
    if (!guard.ok()) return absl::OkStatus();  // Somebody has it, or there is no IPv6.
    guard_ = *guard;
    if (host_port.port != 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(SocketAddress ipv4, SocketAddress::Parse("0.0.0.0:0"));
    ipv4.set_port(SocketAddress::OfSocket(guard_).port());
    status = ipv4.CheckFree();
    if (status.ok()) {
      host_port.port = ipv4.port();
      return status;
    }
    close(guard_);
    guard_ = -1;
  }
  return status;
}

GrpcListener::~GrpcListener() {
  if (guard_ >= 0) close(guard_);
}

}  // namespace chorus
