#pragma once

// A TCP address to listen on or to connect to. All servers, HTTP and gRPC, give an address this
// meaning: 0.0.0.0 is every IPv4 address of the machine, [::] every one of both families, and a
// name the addresses it has, of both families.
//
// Thread safety: a value.

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/host_port.h"

namespace chorus {

class SocketAddress {
 public:
  // "127.0.0.1:3000" or "[::1]:3000"; no names. INVALID_ARGUMENT quotes the text.
  static absl::StatusOr<SocketAddress> Parse(std::string_view host_port);

  // What the socket `fd` is bound to.
  static SocketAddress OfSocket(int fd);

  // All addresses of the host, at least one. Blocks while a name is resolved. INVALID_ARGUMENT
  // names the host.
  static absl::StatusOr<std::vector<SocketAddress>> Resolve(const HostPort& host_port);

  // The addresses of the host on which a server could listen now. If this machine has at least one
  // of a name's addresses, the others are left out. Errors as Resolve() and CheckFree().
  static absl::StatusOr<std::vector<SocketAddress>> ResolveToListen(const HostPort& host_port);

  // "127.0.0.1:3000", "[::1]:3000".
  std::string ToString() const;

  int port() const;
  void set_port(int port);
  bool is_ipv6() const { return storage_.ss_family == AF_INET6; }
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

  // OK if a server could listen here now. ALREADY_EXISTS if another does, NOT_FOUND if the address
  // is not this machine's, PERMISSION_DENIED.
  absl::Status CheckFree() const;

  // Why listening here failed with `error`, an errno; codes as CheckFree().
  absl::Status ListenError(int error) const;

  // A listening socket, which the caller closes. With `only_ipv6`, [::] excludes IPv4. Errors as
  // CheckFree().
  absl::StatusOr<int> Listen(bool only_ipv6 = false) const;

 private:
  SocketAddress(const sockaddr* address, socklen_t size);

  sockaddr_storage storage_ = {};
  socklen_t size_;
};

}  // namespace chorus
